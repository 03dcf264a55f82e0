// Loads a notebook again that another window has changed on disk, unless this one holds work of its
// own that is not saved: then the person decides.
import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { YCodeCell, YNotebook } from '@jupyter/ydoc';
import type { TranslationBundle } from '@jupyterlab/translation';

import { watchTouches } from './saving';

/** What this window showed when it was last the same as the file, and what goes on since. */
interface Watched {
  saved: string;
  saving: string;
  loading: Promise<void> | null;
  /** Another window saved it while it was being loaded. */
  again: boolean;
  notification: string;
}

export class Refresher {
  constructor(
    tracker: INotebookTracker,
    private readonly trans: TranslationBundle
  ) {
    tracker.forEach(panel => this.watch(panel));
    tracker.widgetAdded.connect((_, panel) => this.watch(panel));
  }

  /** The file has changed: show it as it is now, or say why not. */
  async refresh(panel: NotebookPanel): Promise<void> {
    const watched = this.watched.get(panel);
    // With shared editing all windows have the same document.
    if (!watched || !panel.context.isReady || isShared(panel)) {
      return;
    }
    if (watched.loading) {
      watched.again = true;
      return;
    }
    if (contentOf(panel) !== watched.saved) {
      this.warn(panel, watched);
      return;
    }
    do {
      watched.again = false;
      watched.loading = load(panel, watched);
      await watched.loading;
      watched.loading = null;
    } while (watched.again && !panel.isDisposed);
  }

  private watch(panel: NotebookPanel): void {
    const { context } = panel;
    void context.ready.then(() => {
      if (panel.isDisposed) {
        return;
      }
      const content = contentOf(panel);
      const watched = {
        saved: content,
        saving: content,
        loading: null,
        again: false,
        notification: ''
      };
      this.watched.set(panel, watched);
      context.saveState.connect((_, state) => onSave(panel, watched, state));
    });
  }

  private warn(panel: NotebookPanel, watched: Watched): void {
    const { trans } = this;
    Notification.dismiss(watched.notification);
    watched.notification = Notification.warning(
      trans.__(
        'The agent has changed %1 from another window, and this window holds changes that are not saved. Load the notebook again, or save yours as a copy.',
        PathExt.basename(panel.context.localPath)
      ),
      {
        autoClose: false,
        actions: [
          {
            label: trans.__('Load again'),
            caption: trans.__('The changes in this window are lost'),
            displayType: 'warn',
            callback: () => void load(panel, watched)
          }
        ]
      }
    );
  }

  private readonly watched = new WeakMap<NotebookPanel, Watched>();
}

function onSave(
  panel: NotebookPanel,
  watched: Watched,
  state: DocumentRegistry.SaveState | string
): void {
  // What is typed between the start and the end of a save is not in the file.
  if (state === 'started') {
    watched.saving = contentOf(panel);
  } else if (/^completed/.test(state)) {
    watched.saved = watched.saving;
  }
}

async function load(panel: NotebookPanel, watched: Watched): Promise<void> {
  const { content } = panel;
  const { activeCellIndex } = content;
  const top = content.node.scrollTop;
  await panel.context.revert();
  if (!panel.isDisposed) {
    watchTouches(panel);
    watched.saved = watched.saving = contentOf(panel);
    content.activeCellIndex = Math.min(activeCellIndex, content.widgets.length - 1);
    content.node.scrollTop = top;
  }
}

/** What a person could lose: sources, and whether cells ran. Metadata changes without anybody. */
function contentOf(panel: NotebookPanel): string {
  const { cells } = panel.context.model.sharedModel as YNotebook;
  return JSON.stringify(
    cells.map(cell => [
      cell.getId(),
      cell.cell_type,
      cell.getSource(),
      (cell as Partial<YCodeCell>).execution_count ?? null
    ])
  );
}

function isShared({ context }: NotebookPanel): boolean {
  return (context.model as { collaborative?: boolean }).collaborative === true;
}
