// Notices when a change that is up for review is no longer in its notebook: the person has undone it
// there, deleted the cell or loaded a checkpoint. The server decides; this only says when to look.
import type { YCodeCell, YNotebook } from '@jupyter/ydoc';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { ReviewCell } from '../protocol/types';

/** The review that is shown. */
export interface Reviewed {
  readonly review: readonly ReviewCell[];
  lookAgain(path: string): Promise<void>;
}

// Milliseconds between two looks at a notebook in which something goes on.
const PAUSE = 300;

export class ReviewWatch {
  /** `reviewed`: what is shown at the moment; null: nothing. */
  constructor(
    tracker: INotebookTracker,
    private readonly reviewed: () => Reviewed | null
  ) {
    tracker.forEach(panel => this.watch(panel));
    tracker.widgetAdded.connect((_, panel) => this.watch(panel));
  }

  private watch(panel: NotebookPanel): void {
    void panel.context.ready.then(() => {
      if (panel.isDisposed) {
        return;
      }
      const { ydoc } = panel.context.model.sharedModel as YNotebook;
      const cells = ydoc.getArray('cells');
      let timer = 0;
      let asked = '';
      const look = (): void => {
        timer = 0;
        const reviewed = panel.isDisposed ? null : this.reviewed();
        const found = reviewed ? doubts(panel, reviewed.review) : '';
        if (reviewed && found && found !== asked) {
          reviewed.lookAgain(panel.context.localPath).catch(() => undefined);
        }
        asked = found;
      };
      ydoc.on('afterTransaction', (transaction: { changedParentTypes: Map<object, unknown> }) => {
        if (!timer && transaction.changedParentTypes.has(cells)) {
          timer = window.setTimeout(look, PAUSE);
        }
      });
    });
  }
}

/** The changes that may be gone, as a key; empty when all are seen to be there. */
function doubts(panel: NotebookPanel, review: readonly ReviewCell[]): string {
  const mine = review.filter(cell => cell.path === panel.context.localPath);
  if (mine.length === 0) {
    return '';
  }
  const { cells } = panel.context.model.sharedModel as YNotebook;
  const places = new Map(cells.map((cell, place) => [cell.getId(), place]));
  return mine
    .filter(({ cell_id, kind, before, after, cell_type }) => {
      const cell = cells[places.get(cell_id) ?? -1];
      if (!cell) {
        return kind === 'inserted';
      }
      switch (kind) {
        case 'inserted':
          return false;
        case 'edited':
          return cell.getSource() === before && (before !== after || cell.cell_type !== cell_type);
        case 'outputs':
          return ((cell as Partial<YCodeCell>).outputs ?? []).length > 0;
        default:
          return true;
      }
    })
    .map(({ cell_id, kind }) => (kind === 'moved' ? `${cell_id}@${places.get(cell_id)}` : cell_id))
    .join(' ');
}
