// The side panel: in Lab's right side bar, and in Notebook 7's.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ISessionContextDialogs, Notification } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { PanelServices } from '../components/services';
import type { AgentModel } from '../model/agent';
import { Draft } from '../model/draft';
import { failureText } from '../model/failures';
import { cellMention } from '../model/mentions';
import { IAgent, IAgentPanel, IToolCards } from '../tokens';
import { AgentPanel } from '../widgets/panel';
import { NotebookMentions } from './mention-sources';
import { notebookActions } from './notebook-actions';
import { opensAtStart } from './open-at-start';
import { SETTINGS } from './settings';

export const panelPlugin: JupyterFrontEndPlugin<IAgentPanel> = {
  id: SETTINGS,
  description: 'The side panel in which one talks to the agent.',
  autoStart: true,
  requires: [IAgent, IToolCards, INotebookTracker, IDocumentManager, IRenderMimeRegistry],
  optional: [
    IEditorLanguageRegistry,
    ITranslator,
    ISettingRegistry,
    ILayoutRestorer,
    ISessionContextDialogs
  ],
  provides: IAgentPanel,
  activate: (
    app: JupyterFrontEnd,
    model: AgentModel,
    cards: IToolCards,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    rendermime: IRenderMimeRegistry,
    languages: IEditorLanguageRegistry | null,
    translator: ITranslator | null,
    settings: ISettingRegistry | null,
    restorer: ILayoutRestorer | null,
    dialogs: ISessionContextDialogs | null
  ): IAgentPanel => {
    const trans = (translator ?? nullTranslator).load('jupyter_agent');
    const mentions = new NotebookMentions(tracker, model.server);
    const draft = new Draft();
    const services: PanelServices = {
      model,
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
    const { baseUrl } = app.serviceManager.serverSettings;
    void opensAtStart(model, chosen, baseUrl).then(wanted => wanted && open());
    const focus = (): void => {
      open();
      widget.focusComposer();
    };
    return {
      open,
      focus,
      mention: cellIds => {
        mention(cellIds);
        focus();
      }
    };
  }
};

function download(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
  link.download = name.replace(/[\\/:*?"<>|]/g, '_');
  link.click();
  URL.revokeObjectURL(link.href);
}
