// The right button on the wrong cell: a copy of a notebook has cells of the same ids, and the notebook
// whose button was pressed need not be the one in front.
import type { INotebookTracker } from '@jupyterlab/notebook';
import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import { aboutCell, findCell } from './cell-prompts';

const cell = (id: string, executionCount: number | null) => ({
  node: { id },
  model: { id, type: 'code', executionCount }
});
const notebook = (path: string, ...ids: string[]) => ({
  context: { localPath: path },
  content: { widgets: ids.map((id, at) => cell(id, at === 0 ? null : 7)) }
});
const a = notebook('a.ipynb', 'one', 'two');
const copy = notebook('copy.ipynb', 'one', 'two', 'three');
const open = [a, copy];
const tracker = {
  currentWidget: copy,
  activeCell: copy.content.widgets[0],
  find: (test: (panel: unknown) => boolean) => open.find(test)
} as unknown as INotebookTracker;
const trans = nullTranslator.load('jupyter_agent');

it('a cell is found in the notebook that is named, else in the one in front, else where it is', () => {
  const path = (name: object): string | undefined =>
    findCell(tracker, name)?.panel.context.localPath;
  expect(path({ id: 'two', path: 'a.ipynb' })).toBe('a.ipynb');
  expect(path({ id: 'two' })).toBe('copy.ipynb');
  expect(path({ node: a.content.widgets[1]?.node })).toBe('a.ipynb');
  expect(findCell(tracker, {})?.cell).toBe(tracker.activeCell);
});

it('a prompt names the cell as people do, and mentions the one that is meant', () => {
  const found = findCell(tracker, { id: 'two', path: 'a.ipynb' });
  expect(found && aboutCell('fix', found, trans)).toEqual({
    text: 'Fix @cell:[7]: find out why it fails, repair it, and run it again.',
    notebook: 'a.ipynb',
    mentions: [{ kind: 'cell', label: '@cell:[7]', path: 'a.ipynb', cell_id: 'two' }]
  });
  const active = findCell(tracker, {});
  expect(active && aboutCell('explain', active, trans)).toMatchObject({
    text: 'Explain @cell:#1: what it does, and what its output shows.',
    mentions: [{ path: 'copy.ipynb', cell_id: 'one' }]
  });
});
