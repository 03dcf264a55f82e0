// The side panel: in Lab's right side bar, and in Notebook 7's.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import { ISessionContextDialogs, Notification } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';

import type { PanelServices } from '../components/services';
import type { AgentModel } from '../model/agent';
import type { DemoModel } from '../model/demo';
import { Draft } from '../model/draft';
import { failureText } from '../model/failures';
import { cellMention } from '../model/mentions';
import { IAgent, IAgentDemo, IAgentPanel, IToolCards } from '../tokens';
import { AgentPanel } from '../widgets/panel';
import { makeRoomForToasts } from '../widgets/toast-room';
import { askForWidth } from './first-width';
import { NotebookMentions } from './mention-sources';
import { notebookActions } from './notebook-actions';
import { PanelMemory, opensAtStart } from './open-at-start';
import { SETTINGS } from './settings';

export const panelPlugin: JupyterFrontEndPlugin<IAgentPanel> = {
  id: SETTINGS,
  description: 'The side panel in which one talks to the agent.',
  autoStart: true,
  requires: [
    IAgent,
    IAgentDemo,
    IToolCards,
    INotebookTracker,
    IDocumentManager,
    IRenderMimeRegistry
  ],
  optional: [
    IEditorLanguageRegistry,
    ITranslator,
    ISettingRegistry,
    ILayoutRestorer,
    ISessionContextDialogs,
    ILabShell
  ],
  provides: IAgentPanel,
  activate: (
    app: JupyterFrontEnd,
    model: AgentModel,
    demo: DemoModel,
    cards: IToolCards,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    rendermime: IRenderMimeRegistry,
    languages: IEditorLanguageRegistry | null,
    translator: ITranslator | null,
    settings: ISettingRegistry | null,
    restorer: ILayoutRestorer | null,
    dialogs: ISessionContextDialogs | null,
    labShell: ILabShell | null
  ): IAgentPanel => {
    const trans = (translator ?? nullTranslator).load('jupyter_agent');
    const mentions = new NotebookMentions(tracker, model.server);
    const draft = new Draft();
    const services: PanelServices = {
      model,
      demo,
      trans,
      rendermime,
      cards,
      highlight: languages
        ? (code, language, host) => languages.highlight(code, languages.findBest(language), host)
        : null,
      notebook: notebookActions(tracker, documents, model, dialogs, trans),
      draft,
      mentions,
      download,
      complain: error => void Notification.error(failureText(error, trans))
    };
    const mention = (cellIds: readonly string[]): void => {
      const cells = cellIds.flatMap(id => mentions.cell(id) ?? []);
      cells.forEach(cell => draft.mention(cellMention(cell)));
    };
    const widget = new AgentPanel(services, mention);
    app.shell.add(widget, 'right', { rank: 600 });
    restorer?.add(widget, widget.id);
    const open = (): void => app.shell.activateById(widget.id);
    const chosen = app.restored.then(() => settings?.load(SETTINGS).catch(() => null) ?? null);
    const memory = new PanelMemory(app.serviceManager.serverSettings.baseUrl, labShell !== null);
    // Pages of Notebook 7 that hold no notebook have no place for the panel.
    const placed = labShell ? Promise.resolve() : firstNotebook(tracker);
    void Promise.all([opensAtStart(model, chosen, memory), placed]).then(([wanted]) => {
      if (wanted) {
        open();
      }
      const note = (): void => memory.note(model.view.visible);
      model.view.changed.connect(note);
      note();
    });
    makeRoomForToasts(widget);
    void askForWidth(widget, app.restored, app.serviceManager.serverSettings.baseUrl);
    const focus = (): void => {
      open();
      widget.focusComposer();
    };
    const toggle = (): void => (widget.isVisible ? collapse(app.shell, widget) : open());
    return {
      open,
      focus,
      toggle,
      mention: cellIds => {
        mention(cellIds);
        focus();
      }
    };
  }
};

/** Resolves when a notebook is open. */
function firstNotebook(tracker: INotebookTracker): Promise<void> {
  return new Promise(resolve => {
    if (tracker.size > 0) {
      resolve();
    }
    tracker.widgetAdded.connect(() => resolve());
  });
}

/** Close the side bar that the panel is in. */
function collapse(shell: JupyterFrontEnd.IShell, panel: Widget): void {
  // Lab and Notebook 7 both have these; their common interface does not.
  const bars = shell as { collapseLeft?(): void; collapseRight?(): void };
  const left = [...shell.widgets('left')].includes(panel);
  (left ? bars.collapseLeft : bars.collapseRight)?.call(shell);
}

function download(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
  link.download = name.replace(/[\\/:*?"<>|]/g, '_');
  link.click();
  URL.revokeObjectURL(link.href);
}
