// A cell that the agent just touched glows for a moment, so that the eye finds it.
import type { NotebookPanel } from '@jupyterlab/notebook';

const TOUCHED = 'jp-Agent-touchedCell';
// Milliseconds; the fade itself is in style/notebook.css.
const GLOW = 2400;

export function highlightCells(panel: NotebookPanel, ids: Iterable<string>): void {
  const wanted = new Set(ids);
  for (const cell of panel.content.widgets) {
    if (!wanted.has(cell.model.id)) {
      continue;
    }
    cell.removeClass(TOUCHED);
    // Reading the layout makes the browser start the animation anew.
    void cell.node.offsetWidth;
    cell.addClass(TOUCHED);
    window.setTimeout(() => {
      if (!cell.isDisposed) {
        cell.removeClass(TOUCHED);
      }
    }, GLOW);
  }
}
