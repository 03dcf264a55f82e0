// What the panel asks of the notebook on each of its frames must not cost more for a long notebook.
import { YNotebook } from '@jupyter/ydoc';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { expect, it } from 'vitest';

import { NotebookMentions } from './mention-sources';

function mentionsOf(notebook: YNotebook | null): NotebookMentions {
  const context = { localPath: 'a.ipynb' };
  const currentWidget = notebook && { context, model: { sharedModel: notebook } };
  return new NotebookMentions({ currentWidget } as unknown as INotebookTracker, {
    variables: async () => ({ variables: [] }),
    files: async () => ({ files: [], more: false })
  });
}

it('knows whether there are cells without reading one', () => {
  const notebook = YNotebook.create();
  expect(mentionsOf(null).hasCells).toBe(false);
  expect(mentionsOf(notebook).hasCells).toBe(false);
  const cell = notebook.addCell({ cell_type: 'code', source: 'x = 1' });
  let read = 0;
  const noted = (): never => {
    read++;
    throw new Error('read');
  };
  cell.getSource = noted;
  cell.getMetadata = noted;
  expect(mentionsOf(notebook).hasCells).toBe(true);
  expect(read).toBe(0);
});

it('describes cells by their number, or their place while they have none', () => {
  const notebook = YNotebook.create();
  notebook.addCell({ cell_type: 'code', source: '\n  x = 1\ny', execution_count: 4 });
  notebook.addCell({ cell_type: 'markdown', source: '# Title' });
  expect(mentionsOf(notebook).cells()).toMatchObject([
    { path: 'a.ipynb', place: '[4]', firstLine: 'x = 1', hasOutput: false, failed: false },
    { path: 'a.ipynb', place: '#2', firstLine: '# Title' }
  ]);
});
