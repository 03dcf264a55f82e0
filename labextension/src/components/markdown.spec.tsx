// Formulas that stay dollars after a reload, and a picture of a model that is fetched.
import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, waitFor } from '@testing-library/react';
import { marked } from 'marked';
import * as React from 'react';
import { afterEach, expect, it } from 'vitest';

import { Markdown } from './markdown';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

afterEach(cleanup);

/** Sets formulas as MathJax does: late, the first time. */
const typesetter = {
  typeset: async (element: HTMLElement): Promise<void> => {
    await new Promise(resolve => setTimeout(resolve, 20));
    element.innerHTML = element.innerHTML.replace(
      /\$([^$]+)\$/g,
      '<mjx-container style="background:url(https://evil.example)">$1</mjx-container>'
    );
  }
};

function show(text: string, streaming = false): HTMLElement {
  const services = {
    trans: nullTranslator.load('jupyter_agent'),
    rendermime: new RenderMimeRegistry({
      initialFactories: standardRendererFactories,
      latexTypesetter: typesetter,
      markdownParser: { render: async (source: string) => marked.parse(source) }
    }),
    highlight: null
  } as unknown as PanelServices;
  return render(
    <ServicesContext.Provider value={services}>
      <Markdown text={text} streaming={streaming} />
    </ServicesContext.Provider>
  ).container;
}

it('waits for formulas, and takes from them what could load', async () => {
  const shown = show('See $x^2$ here.');
  await waitFor(() => expect(shown.querySelector('mjx-container')?.textContent).toBe('x^2'));
  expect(shown.innerHTML).not.toContain('evil.example');
});

it('takes macros that carry styles and links for words', async () => {
  const shown = show('$\\style{background:url(x)}{y}$ and $\\href{javascript:z}{q}$');
  await waitFor(() => expect(shown.querySelectorAll('mjx-container')).toHaveLength(2));
  expect(shown.textContent).toContain('\\backslash style');
  expect(shown.textContent).toContain('\\backslash href');
});

it('changes nothing outside formulas', async () => {
  const path = 'C:\\data\\x.csv';
  const shown = show(`- $y$ is at ${path}\n\n- says \`\\def $x$\`\n\n- ${path} costs $5`);
  await waitFor(() => expect(shown.querySelector('mjx-container')).not.toBeNull());
  expect(shown.textContent).not.toContain('backslash');
  expect(shown.querySelectorAll('li')[2]?.textContent?.trim()).toBe(`${path} costs $5`);
  expect(shown.querySelector('code')?.textContent).toContain('\\def');
});

it('finds the formulas that only show once the text is rendered', async () => {
  const shown = show('&#36;&#92;href{javascript:z}{q}&#36; and $x$, $a\n\\style{b}{c}$');
  await waitFor(() => expect(shown.textContent).toContain('\\backslash href'));
  expect(shown.textContent).toContain('\\backslash style');
});

it('turns pictures into links, and diagrams into their text', async () => {
  const shown = show('> ![c](https://evil.example/c.png)\n\n- x\n\n  ```mermaid\n  a\n  ```');
  await waitFor(() => expect(shown.querySelector('a')?.textContent).toContain('evil.example'));
  expect(shown.querySelector('img')).toBeNull();
  await waitFor(() => expect(shown.querySelector('pre code')).not.toBeNull());
  expect(shown.querySelector('pre code')?.className).toBe('language-text');
});

it('shows words before they are rendered', () => {
  expect(show('Some *words*', true).textContent).toBe('Some *words*');
});
