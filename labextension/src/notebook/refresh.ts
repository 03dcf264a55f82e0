// Loads a notebook again that another window has changed on disk, unless this one holds work of its
// own that is not saved: then the person decides.
import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { YCodeCell, YNotebook } from '@jupyter/ydoc';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import { changedOnDisk, inTurn } from './saving';
import type { Typing } from './typing';

/** What this window showed when it was last the same as the file, and what goes on since. */
interface Watched {
  saved: string;
  saving: string;
  loading: Promise<void> | null;
  notification: string;
}

export class Refresher {
  constructor(
    tracker: INotebookTracker,
    private readonly contents: Contents.IManager,
    private readonly typing: Typing,
    private readonly trans: TranslationBundle
  ) {
    tracker.forEach(panel => this.watch(panel));
    tracker.widgetAdded.connect((_, panel) => this.watch(panel));
  }

  /** Show the file as it is now, if it has changed. `told`: say so where that would lose work. */
  async refresh(panel: NotebookPanel, { told }: { told: boolean }): Promise<void> {
    const watched = this.watched.get(panel);
    // With shared editing all windows have the same document.
    if (!watched || !panel.context.isReady || isShared(panel)) {
      return;
    }
    await inTurn(panel, async () => {
      if (panel.isDisposed || !(await changedOnDisk(panel, this.contents))) {
        return;
      }
      const unchanged = (): boolean => contentOf(panel) === watched.saved;
      // What is typed while the file is on its way would be lost.
      await this.typing.rest(panel, unchanged);
      if (!panel.isDisposed && unchanged()) {
        await load(panel, watched);
      } else if (told && !panel.isDisposed) {
        this.warn(panel, watched);
      }
    });
  }

  /** Wait while a notebook is read anew: what is changed in it meanwhile would be lost. */
  async settled(panel: NotebookPanel): Promise<void> {
    const watched = this.watched.get(panel);
    while (watched?.loading) {
      await watched.loading.catch(() => undefined);
    }
  }

  private watch(panel: NotebookPanel): void {
    const { context } = panel;
    void context.ready.then(() => {
      if (panel.isDisposed) {
        return;
      }
      const content = contentOf(panel);
      const watched = { saved: content, saving: content, loading: null, notification: '' };
      this.watched.set(panel, watched);
      context.saveState.connect((_, state) => onSave(panel, watched, state));
    });
  }

  private warn(panel: NotebookPanel, watched: Watched): void {
    const { trans } = this;
    Notification.dismiss(watched.notification);
    watched.notification = Notification.warning(
      trans.__(
        'The agent has changed %1 outside this window, and this window holds changes that are not saved. Load the notebook again, or save yours as a copy.',
        PathExt.basename(panel.context.localPath)
      ),
      {
        autoClose: false,
        actions: [
          {
            label: trans.__('Load again'),
            caption: trans.__('The changes in this window are lost'),
            displayType: 'warn',
            callback: () => void inTurn(panel, () => load(panel, watched))
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

function load(panel: NotebookPanel, watched: Watched): Promise<void> {
  const loading = loadNow(panel, watched).finally(() => (watched.loading = null));
  watched.loading = loading;
  return loading;
}

async function loadNow(panel: NotebookPanel, watched: Watched): Promise<void> {
  if (panel.isDisposed) {
    return;
  }
  const { content } = panel;
  const { activeCellIndex } = content;
  const top = content.node.scrollTop;
  await panel.context.revert();
  if (!panel.isDisposed) {
    watched.saved = watched.saving = contentOf(panel);
    content.activeCellIndex = Math.min(activeCellIndex, content.widgets.length - 1);
    content.node.scrollTop = top;
  }
}

/** What a person could lose: sources, cells' metadata, and whether cells ran. */
function contentOf(panel: NotebookPanel): string {
  const { cells } = panel.context.model.sharedModel as YNotebook;
  return JSON.stringify(
    cells.map(cell => [
      cell.getId(),
      cell.cell_type,
      cell.getSource(),
      (cell as Partial<YCodeCell>).execution_count ?? null,
      cell.metadata
    ])
  );
}

function isShared({ context }: NotebookPanel): boolean {
  return (context.model as { collaborative?: boolean }).collaborative === true;
}
