// Prompts that name a cell, for the commands in its context menu.
import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Ask about a cell by the number people see and the id the agent works with. */
export function aboutCell(
  verb: 'fix' | 'explain',
  cell: Cell,
  tracker: INotebookTracker,
  trans: TranslationBundle
): string {
  const count = cell.model.type === 'code' ? (cell as CodeCell).model.executionCount : null;
  const position = (tracker.currentWidget?.content.widgets.indexOf(cell) ?? -1) + 1;
  const place =
    count === null
      ? trans.__('the cell at position %1 (id=%2)', position, cell.model.id)
      : trans.__('cell [%1] (id=%2)', count, cell.model.id);
  return verb === 'fix'
    ? trans.__('Fix %1: find out why it fails, repair it, and run it again.', place)
    : trans.__('Explain %1: what it does, and what its output shows.', place);
}
