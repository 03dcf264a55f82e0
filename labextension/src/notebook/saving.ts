// Saving without ever hanging: Lab may ask the person about a file that changed on disk.
import type { NotebookPanel } from '@jupyterlab/notebook';

// Milliseconds. A save that takes longer goes on, but nobody waits for it.
const PATIENCE = 10_000;

export function isReadOnly(panel: NotebookPanel): boolean {
  return panel.context.model.readOnly || panel.context.contentsModel?.writable === false;
}

/** Save the notebook; returns whether that is known to have worked. */
export async function saveNotebook(panel: NotebookPanel): Promise<boolean> {
  if (isReadOnly(panel) || panel.isDisposed) {
    return false;
  }
  const saving = panel.context.save().then(
    () => true,
    () => false
  );
  return within(PATIENCE, saving, false);
}

/** Wait for a promise, but no longer than `milliseconds`; then go on with `otherwise`. */
export function within<T>(milliseconds: number, promise: Promise<T>, otherwise: T): Promise<T> {
  let timer = 0;
  const timeout = new Promise<T>(resolve => {
    timer = window.setTimeout(() => resolve(otherwise), milliseconds);
  });
  return Promise.race([promise, timeout]).finally(() => window.clearTimeout(timer));
}
