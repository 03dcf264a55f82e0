// Which cell a command means, and prompts that name it.
import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { CellPrompt } from '../components/services';
import { cellMention } from '../model/mentions';

/** A cell and the notebook it is in. */
export interface CellPlace {
  readonly cell: Cell;
  readonly panel: NotebookPanel;
}

/** How a cell can be named: as the element that was clicked, or by its id, of a notebook. */
export interface CellName {
  readonly node?: HTMLElement;
  readonly id?: string;
  /** Copies of a notebook have cells of the same ids. */
  readonly path?: string;
}

/** Find the cell that is named, else the active one of the notebook in front. */
export function findCell(
  tracker: INotebookTracker,
  { node, id, path }: CellName
): CellPlace | null {
  const front = tracker.currentWidget;
  const cellIn = (panel: NotebookPanel): Cell | undefined =>
    panel.content.widgets.find(cell => cell.node === node || cell.model.id === id);
  const panel =
    tracker.find(one => (path ? one.context.localPath === path : one === front) && !!cellIn(one)) ??
    tracker.find(one => !!cellIn(one));
  if (panel) {
    return { cell: cellIn(panel) as Cell, panel };
  }
  return front && tracker.activeCell ? { cell: tracker.activeCell, panel: front } : null;
}

/** Ask about a cell by the number people see; the mention carries the id the agent works with. */
export function aboutCell(
  verb: 'fix' | 'explain',
  { cell, panel }: CellPlace,
  trans: TranslationBundle
): CellPrompt {
  const count = cell.model.type === 'code' ? (cell as CodeCell).model.executionCount : null;
  const position = panel.content.widgets.indexOf(cell) + 1;
  const notebook = panel.context.localPath;
  const place = count === null ? `#${position}` : `[${count}]`;
  const mention = cellMention({ id: cell.model.id, path: notebook, place });
  const text =
    verb === 'fix'
      ? trans.__('Fix %1: find out why it fails, repair it, and run it again.', mention.label)
      : trans.__('Explain %1: what it does, and what its output shows.', mention.label);
  return { text, notebook, mentions: [mention] };
}
