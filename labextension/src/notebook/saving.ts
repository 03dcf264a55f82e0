// Saving without ever hanging: Lab may ask the person about a file that changed on disk.
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';

// Milliseconds. A save that takes longer goes on, but nobody waits for it.
const PATIENCE = 10_000;

export function isReadOnly(panel: NotebookPanel): boolean {
  return panel.context.model.readOnly || panel.context.contentsModel?.writable === false;
}

// What goes on with each notebook's file. Two saves at once would make Lab think that somebody else
// wrote; a save while the file is read would be undone by it.
const turns = new WeakMap<NotebookPanel, Promise<unknown>>();

/** Do something with a notebook's file once all that was begun with it before is over. */
export function inTurn<T>(panel: NotebookPanel, act: () => Promise<T>): Promise<T> {
  const turn = (turns.get(panel) ?? Promise.resolve()).then(act);
  turns.set(
    panel,
    turn.catch(() => undefined)
  );
  return turn;
}

/** `conflict`: the file is another than was read here, and the person is asked which to keep. */
export type Saved = 'saved' | 'not saved' | 'conflict';

/** Save the notebook, after any save that goes on; returns whether that is known to have worked. */
export async function saveNotebook(
  panel: NotebookPanel,
  contents: Contents.IManager
): Promise<Saved> {
  const saving = inTurn(panel, () => saveNow(panel, contents));
  return within<Saved>(PATIENCE, saving, 'not saved');
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
export async function changedOnDisk(
  panel: NotebookPanel,
  contents: Contents.IManager
): Promise<boolean> {
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

/** Wait for a promise, but no longer than `milliseconds`; then go on with `otherwise`. */
export function within<T>(milliseconds: number, promise: Promise<T>, otherwise: T): Promise<T> {
  let timer = 0;
  const timeout = new Promise<T>(resolve => {
    timer = window.setTimeout(() => resolve(otherwise), milliseconds);
  });
  return Promise.race([promise, timeout]).finally(() => window.clearTimeout(timer));
}
