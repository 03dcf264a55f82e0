import { expect, it } from 'vitest';

import plugins from './index';

it('names every plugin after the package', () => {
  expect(plugins.map(plugin => plugin.id.split(':')[0])).toEqual(
    plugins.map(() => 'jupyter-agent')
  );
});
