// Which notebooks this tab has open, and which had the focus when: the server elects the tab that
// acts for a notebook by it.
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { OpenNotebook } from '../protocol/types';

export class OpenNotebooks {
  constructor(private readonly tracker: INotebookTracker) {
    tracker.forEach(panel => this.add(panel));
    tracker.widgetAdded.connect((_, panel) => this.add(panel));
    tracker.currentChanged.connect(() => this.focused());
    window.addEventListener('focus', () => this.focused());
    this.focused();
  }

  /** The notebooks open now. */
  get list(): readonly OpenNotebook[] {
    return this.last;
  }

  /** Path of the notebook in front, null when there is none. */
  get current(): string | null {
    return this.tracker.currentWidget?.context.localPath ?? null;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  private add(panel: NotebookPanel): void {
    panel.context.pathChanged.connect(() => this.update());
    panel.sessionContext.kernelChanged.connect(() => this.update());
    panel.disposed.connect(() => this.update());
    this.update();
  }

  private focused(): void {
    const panel = this.tracker.currentWidget;
    if (panel && document.hasFocus()) {
      this.focusedAt.set(panel, Date.now());
    }
    this.update();
  }

  private update(): void {
    const found: OpenNotebook[] = [];
    this.tracker.forEach(panel => {
      if (!panel.isDisposed) {
        found.push({
          path: panel.context.localPath,
          kernel_id: panel.sessionContext.session?.kernel?.id,
          focused_at: this.focusedAt.get(panel) ?? 0
        });
      }
    });
    const current = this.current;
    if (JSON.stringify(found) !== JSON.stringify(this.last) || current !== this.lastCurrent) {
      this.last = found;
      this.lastCurrent = current;
      this._changed.emit();
    }
  }

  private last: readonly OpenNotebook[] = [];
  private lastCurrent: string | null = null;
  private readonly focusedAt = new WeakMap<NotebookPanel, number>();
  private readonly _changed = new Signal<this, void>(this);
}
