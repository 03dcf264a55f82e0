// Saving without ever hanging: Lab may ask the person about a file that changed on disk.
import type { NotebookPanel } from '@jupyterlab/notebook';

// Milliseconds. A save that takes longer goes on, but nobody waits for it.
const PATIENCE = 10_000;

export function isReadOnly(panel: NotebookPanel): boolean {
  return panel.context.model.readOnly || panel.context.contentsModel?.writable === false;
}

// The latest save of each notebook. Two at once would make Lab think that somebody else wrote.
const saves = new WeakMap<NotebookPanel, Promise<boolean>>();

/** Save the notebook, after any save that goes on; returns whether that is known to have worked. */
export async function saveNotebook(panel: NotebookPanel): Promise<boolean> {
  const saving = (saves.get(panel) ?? Promise.resolve(true)).then(() => saveNow(panel));
  saves.set(panel, saving);
  return within(PATIENCE, saving, false);
}

async function saveNow(panel: NotebookPanel): Promise<boolean> {
  if (panel.isDisposed || isReadOnly(panel)) {
    return false;
  }
  try {
    await panel.context.save();
    return true;
  } catch {
    return false;
  }
}

/** Wait for a promise, but no longer than `milliseconds`; then go on with `otherwise`. */
export function within<T>(milliseconds: number, promise: Promise<T>, otherwise: T): Promise<T> {
  let timer = 0;
  const timeout = new Promise<T>(resolve => {
    timer = window.setTimeout(() => resolve(otherwise), milliseconds);
  });
  return Promise.race([promise, timeout]).finally(() => window.clearTimeout(timer));
}
