// A button below the output of each cell that failed, as long as it shows the error.
import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { PanelLayout, Widget } from '@lumino/widgets';

/** Makes the button of a cell. */
export type MakeButton = (cell: CodeCell) => Widget;

/** Watches one notebook until it is closed. */
export class FailedCells {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly make: MakeButton
  ) {
    panel.content.modelContentChanged.connect(() => this.later());
    panel.disposed.connect(() => cancelAnimationFrame(this.frame));
    void panel.context.ready.then(() => this.later());
  }

  /** Once a frame, however much is printed. */
  private later(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.panel.isDisposed) {
        this.panel.content.widgets.forEach(cell => this.update(cell));
      }
    });
  }

  private update(cell: Cell): void {
    if (cell.model.type !== 'code') {
      return;
    }
    const code = cell as CodeCell;
    const button = this.buttons.get(code);
    const wanted = hasFailed(code);
    if (wanted && !button) {
      this.add(code);
    } else if (!wanted && button) {
      this.buttons.delete(code);
      button.dispose();
    }
  }

  private add(cell: CodeCell): void {
    const button = this.make(cell);
    this.buttons.set(cell, button);
    // A cell that was not scrolled to yet has no place for it.
    void cell.ready.then(() => {
      if (!button.isDisposed && !cell.isDisposed) {
        // Above the footer, below the output.
        const layout = cell.layout as PanelLayout;
        layout.insertWidget(layout.widgets.length - 1, button);
      }
    });
  }

  private frame = 0;
  private readonly buttons = new WeakMap<CodeCell, Widget>();
}

/** Whether a cell shows an error and is not running again. */
function hasFailed({ model }: CodeCell): boolean {
  const { outputs } = model;
  for (let at = outputs.length - 1; at >= 0; at--) {
    if (outputs.get(at).type === 'error') {
      return model.executionState !== 'running';
    }
  }
  return false;
}
