// The demo in one click: from Lab's launcher, the Help menu, and Notebook 7's list of files.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILabShell } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import type { AgentModel } from '../model/agent';
import { DemoModel } from '../model/demo';
import { failureText } from '../model/failures';
import { hasModel } from '../model/model-list';
import { IAgent, IAgentDemo } from '../tokens';
import { agentIcon } from '../widgets/icon';
import { CommandIds } from './commands';
import { LabStage, NotebookStage, takeDemoToPlay } from './demo-stage';

const REFRESH_FILES = 'filebrowser:refresh';
const RUN_DEMO = 'jupyter-agent:run-demo';

export const demoPlugin: JupyterFrontEndPlugin<DemoModel> = {
  id: 'jupyter-agent:demo',
  description: 'The demo: one click makes and plays it, another undoes it.',
  autoStart: true,
  requires: [IAgent, IDocumentManager, INotebookTracker],
  optional: [ILabShell, ILauncher, ICommandPalette, ITranslator],
  provides: IAgentDemo,
  activate: (
    app: JupyterFrontEnd,
    model: AgentModel,
    documents: IDocumentManager,
    tracker: INotebookTracker,
    labShell: ILabShell | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): DemoModel => {
    const { commands } = app;
    const trans = (translator ?? nullTranslator).load('jupyter_agent');
    const { baseUrl } = app.serviceManager.serverSettings;
    const showPanel = (): void => void commands.execute(CommandIds.openPanel);
    const stage = labShell
      ? new LabStage(documents, showPanel)
      : new NotebookStage(documents, baseUrl, () =>
          window.location.assign(URLExt.join(baseUrl, 'tree'))
        );
    const demo = new DemoModel(model, model.server, stage);
    const complain = (error: unknown): void => void Notification.error(failureText(error, trans));

    commands.addCommand(RUN_DEMO, {
      label: () => (demo.notebook ? trans.__('Undo the Agent Demo') : trans.__('Agent Demo')),
      caption: () =>
        demo.notebook
          ? trans.__('Remove the folder that the demo has made')
          : trans.__('Watch the agent analyse a table: no model and no key are needed'),
      icon: agentIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            files: { type: 'boolean', description: trans.__('Whether it is in a list of files') }
          }
        }
      },
      // In the list of files it is for those who have no other way yet to see the agent at work.
      isVisible: args =>
        !args.files || (!labShell && model.phase === 'ready' && !hasModel(model.models)),
      isEnabled: () => model.phase === 'ready' && !demo.busy,
      execute: async () => {
        try {
          const path = await (demo.notebook ? demo.undo() : demo.play());
          // A widget that is returned takes the launcher's place.
          return path === null ? undefined : documents.findWidget(path);
        } catch (error) {
          complain(error);
          return undefined;
        }
      }
    });
    palette?.addItem({ command: RUN_DEMO, category: trans.__('Agent') });
    let card: IDisposable | undefined;
    let undoable: string | null | undefined;
    const show = (): void => {
      commands.notifyCommandChanged(RUN_DEMO);
      // The launcher draws a card anew only when it is added.
      if (launcher && undoable !== demo.notebook) {
        undoable = demo.notebook;
        card?.dispose();
        card = launcher.add({ command: RUN_DEMO, category: trans.__('Other'), rank: 10 });
      }
    };
    demo.changed.connect(show);
    show();
    // Files come and go without Lab's doing.
    demo.changed.connect(() => {
      if (!demo.busy && commands.hasCommand(REFRESH_FILES)) {
        void commands.execute(REFRESH_FILES);
      }
    });
    const ready = (): void => {
      show();
      if (model.phase === 'ready') {
        model.changed.disconnect(ready);
        model.changed.connect(() => commands.notifyCommandChanged(RUN_DEMO));
        demo.look().catch(() => undefined);
        if (!labShell) {
          void takeDemoToPlay(tracker, baseUrl).then(path => {
            if (path) {
              showPanel();
              demo.begin(path).catch(complain);
            }
          });
        }
      }
    };
    model.changed.connect(ready);
    return demo;
  }
};
