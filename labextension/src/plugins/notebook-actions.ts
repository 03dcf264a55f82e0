// What the panel does to the notebook in front, through Lab's own means.
import type { ISessionContextDialogs } from '@jupyterlab/apputils';
import { Notification, SessionContextDialogs } from '@jupyterlab/apputils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookActions } from '../components/services';
import type { AgentModel } from '../model/agent';
import { failureText } from '../model/failures';
import { NotebookBridge } from '../notebook/bridge';
import { highlightCells } from '../notebook/highlight';
import { aboutCell, findCell } from './cell-prompts';

/** Make the actions; `model` knows the notebook that a cell without a path belongs to. */
export function notebookActions(
  tracker: INotebookTracker,
  documents: IDocumentManager,
  model: Pick<AgentModel, 'place' | 'leadTo'>,
  dialogs: ISessionContextDialogs | null,
  trans: TranslationBundle
): NotebookActions {
  const bridge = new NotebookBridge({ tracker, documents });
  const warn = (text: string): void => void Notification.warning(text, { autoClose: 4000 });
  return {
    reveal: cell => {
      const path = cell.path ?? model.place;
      if (path) {
        model.leadTo(path);
        bridge
          .reveal({ path, cell_id: cell.cell_id })
          .catch(error => warn(failureText(error, trans)));
      }
    },
    insertBelow: code => {
      const panel = tracker.currentWidget;
      const notebook = panel?.model?.sharedModel;
      if (!panel || !notebook) {
        warn(trans.__('Open a notebook first.'));
        return;
      }
      const at = panel.content.activeCellIndex + 1;
      const cell = notebook.insertCell(at, { cell_type: 'code', source: code });
      panel.content.activeCellIndex = at;
      highlightCells(panel, [cell.getId()]);
    },
    replaceActive: code => {
      const panel = tracker.currentWidget;
      const cell = panel?.content.activeCell;
      if (!panel || !cell) {
        warn(trans.__('Choose a cell first.'));
        return;
      }
      cell.model.sharedModel.setSource(code);
      highlightCells(panel, [cell.model.id]);
    },
    restartKernel: path => {
      const panel = tracker.find(one => one.context.localPath === path);
      if (!panel) {
        warn(trans.__('Open %1 first.', path));
        return;
      }
      const restarting = (dialogs ?? new SessionContextDialogs()).restart(panel.sessionContext);
      restarting.catch((error: Error) => warn(error.message));
    },
    promptAbout: verb => {
      const active = findCell(tracker, {});
      return active && aboutCell(verb, active, trans);
    }
  };
}
