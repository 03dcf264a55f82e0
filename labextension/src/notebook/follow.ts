// Keeps the cell the agent works on in view, for whoever watches and does nothing in the notebook.
import type { NotebookPanel } from '@jupyterlab/notebook';

export class CellFollower {
  /** Whether the person wants it. */
  on = true;

  /** Scroll to a cell, to its end when `ended`; never under the hands of who works there. */
  async follow(panel: NotebookPanel, id: string, ended = false): Promise<void> {
    const { content } = panel;
    if (!this.on || !panel.isVisible || content.node.contains(document.activeElement)) {
      return;
    }
    const cell = content.widgets.find(one => one.model.id === id);
    if (!cell) {
      return;
    }
    const bottom = (node: HTMLElement): number => node.getBoundingClientRect().bottom;
    const below = bottom(cell.node) > bottom(content.node);
    const align = ended && below ? 'end' : 'smart';
    try {
      await content.scrollToItem(content.widgets.indexOf(cell), align);
    } catch {
      // The person scrolled or closed it meanwhile: then there is nothing to follow.
    }
  }
}
