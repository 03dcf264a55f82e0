// Collapsed headings: what the agent touches is never hidden below one.
import { NotebookActions } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';

/** Open the collapsed headings among these cells: the cells below would stay hidden without them. */
export function openHeadings(panel: NotebookPanel, ids: ReadonlySet<string>): void {
  for (const cell of panel.content.widgets) {
    if (ids.has(cell.model.id) && NotebookActions.getHeadingInfo(cell).collapsed) {
      NotebookActions.expandParent(cell, panel.content);
      NotebookActions.setHeadingCollapse(cell, false, panel.content);
    }
  }
}

/** Open the headings that cells are hidden below. */
export function showCells(panel: NotebookPanel, ids: ReadonlySet<string>): void {
  for (const cell of panel.content.widgets) {
    if (ids.has(cell.model.id)) {
      NotebookActions.expandParent(cell, panel.content);
    }
  }
}
