// Whether the person types right now: a cell under his hands is not taken from him.
import { cellWithCursor } from './place';
import { cellInUse } from './failures';
import type { NotebookPanel } from '@jupyterlab/notebook';

// Milliseconds: what counts as a pause, how long one is waited for, how often it is looked.
const PAUSE = 1_000;
const PATIENCE = 10_000;
const LOOK_AGAIN = 50;

export class Typing {
  constructor() {
    for (const kind of ['keydown', 'beforeinput', 'compositionupdate']) {
      document.addEventListener(kind, event => this.note(event), true);
    }
  }

  /**
   * Wait until the person pauses in the cell he types in, if it is one of those that are to be
   * taken out of their place.
   *
   * @throws RpcFailure EDIT_REFUSED when he does not.
   */
  async pause(panel: NotebookPanel, taken: () => ReadonlySet<string>): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const id = cellWithCursor(panel);
      if (id === null || Date.now() - this.latest >= PAUSE || !taken().has(id)) {
        return;
      }
      if (Date.now() > deadline) {
        throw cellInUse(id);
      }
      await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN));
    }
  }

  /** Wait until nobody types in a notebook, or there is no reason to wait any more. */
  async rest(panel: NotebookPanel, waiting: () => boolean): Promise<void> {
    while (
      !panel.isDisposed &&
      cellWithCursor(panel) !== null &&
      Date.now() - this.latest < PAUSE &&
      waiting()
    ) {
      await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN));
    }
  }

  private note(event: Event): void {
    if (event.target instanceof Element && event.target.closest('.jp-Notebook .cm-editor')) {
      this.latest = Date.now();
    }
  }

  private latest = 0;
}
