// “Fix with agent” below the output of a cell that failed.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { FailedCells } from '../widgets/failed-cells';
import { agentIcon } from '../widgets/icon';
import { CommandIds } from './commands';

export const fixButtonPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-agent:fix-button',
  description: 'A button below the error of a cell that has the agent repair it.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_agent');
    const make = (cell: CodeCell, { context }: NotebookPanel): Widget => {
      const fix = (): void => {
        const args = { cellId: cell.model.id, path: context.localPath };
        void app.commands.execute(CommandIds.fixCell, args);
      };
      return fixButton(trans.__('Fix with agent'), fix);
    };
    const watch = (_: unknown, panel: NotebookPanel): void =>
      void new FailedCells(panel, cell => make(cell, panel));
    tracker.forEach(panel => watch(null, panel));
    tracker.widgetAdded.connect(watch);
  }
};

function fixButton(label: string, fix: () => void): Widget {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'jp-Agent-fixButton';
  agentIcon.element({ container: button, tag: 'span', elementSize: 'small' });
  button.append(label);
  // Enter on it presses it, and neither edits nor runs the cell.
  button.setAttribute('data-lm-suppress-shortcuts', 'true');
  button.addEventListener('click', fix);
  const bar = new Widget();
  bar.addClass('jp-Agent-fixBar');
  bar.node.append(button);
  return bar;
}
