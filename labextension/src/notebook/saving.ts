// Saving without ever hanging: Lab may ask the person about a file that changed on disk.
import type { YNotebook } from '@jupyter/ydoc';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';

// Milliseconds. A save that takes longer goes on, but nobody waits for it.
const PATIENCE = 10_000;

export function isReadOnly(panel: NotebookPanel): boolean {
  return panel.context.model.readOnly || panel.context.contentsModel?.writable === false;
}

// The latest save of each notebook. Two at once would make Lab think that somebody else wrote.
const saves = new WeakMap<NotebookPanel, Promise<Saved>>();

/** `conflict`: the file is another than was read here, and the person is asked which to keep. */
export type Saved = 'saved' | 'not saved' | 'conflict';

/** Save the notebook, after any save that goes on; returns whether that is known to have worked. */
export async function saveNotebook(
  panel: NotebookPanel,
  contents: Contents.IManager
): Promise<Saved> {
  const before = saves.get(panel) ?? Promise.resolve('saved');
  const saving = before.then(() => saveNow(panel, contents));
  saves.set(panel, saving);
  return within<Saved>(PATIENCE, saving, 'not saved');
}

/** Read the notebook anew if its file changed since it was read, and nothing was done here since. */
export async function refreshNotebook(
  panel: NotebookPanel,
  contents: Contents.IManager
): Promise<void> {
  const before = saves.get(panel) ?? Promise.resolve('saved');
  const refreshing = before.then(async () => {
    if (!panel.isDisposed && isUntouched(panel) && (await changedOnDisk(panel, contents))) {
      await panel.context.revert();
      watchTouches(panel);
    }
    return 'saved' as const;
  });
  saves.set(
    panel,
    refreshing.catch(() => 'not saved' as const)
  );
  await refreshing;
}

async function saveNow(panel: NotebookPanel, contents: Contents.IManager): Promise<Saved> {
  if (panel.isDisposed || isReadOnly(panel)) {
    return 'not saved';
  }
  try {
    if (await changedOnDisk(panel, contents)) {
      // Lab asks the person, and waits for the answer; nobody else has to.
      panel.context.save().catch(() => undefined);
      return 'conflict';
    }
    await panel.context.save();
    return 'saved';
  } catch {
    return 'not saved';
  }
}

// Milliseconds that a file's time may differ without a change, as Lab allows for.
const TIME_MARGIN = 500;

/** Whether the file is another than was read or saved here, as Lab itself decides it. */
async function changedOnDisk(panel: NotebookPanel, contents: Contents.IManager): Promise<boolean> {
  const known = panel.context.contentsModel;
  if (!known?.last_modified) {
    return false;
  }
  const now = await contents.get(panel.context.path, { content: false, hash: true });
  if (known.hash && now.hash) {
    return known.hash !== now.hash;
  }
  return Date.parse(now.last_modified) - Date.parse(known.last_modified) > TIME_MARGIN;
}

// Notebooks in which something was changed since they were read from disk.
const touched = new WeakMap<NotebookPanel, boolean>();

/** Note from now on whether something is changed in a notebook that was just read from disk. */
export function watchTouches(panel: NotebookPanel): void {
  const known = touched.has(panel);
  touched.set(panel, false);
  if (known) {
    return;
  }
  const { ydoc } = panel.context.model.sharedModel as YNotebook;
  const content = [ydoc.getArray('cells'), ydoc.getMap('meta')];
  ydoc.on('afterTransaction', (transaction: { changedParentTypes: Map<object, unknown> }) => {
    if (content.some(type => transaction.changedParentTypes.has(type))) {
      touched.set(panel, true);
    }
  });
}

function isUntouched(panel: NotebookPanel): boolean {
  return touched.get(panel) === false;
}

/** Wait for a promise, but no longer than `milliseconds`; then go on with `otherwise`. */
export function within<T>(milliseconds: number, promise: Promise<T>, otherwise: T): Promise<T> {
  let timer = 0;
  const timeout = new Promise<T>(resolve => {
    timer = window.setTimeout(() => resolve(otherwise), milliseconds);
  });
  return Promise.race([promise, timeout]).finally(() => window.clearTimeout(timer));
}
