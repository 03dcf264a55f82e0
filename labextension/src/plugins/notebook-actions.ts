// What the panel does to the notebook in front, through Lab's own means.
import { Notification } from '@jupyterlab/apputils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookActions } from '../components/services';
import { failureText } from '../model/failures';
import { NotebookBridge } from '../notebook/bridge';
import { highlightCells } from '../notebook/highlight';
import { aboutCell } from './cell-prompts';

/** Make the actions; `current` is the path a cell without one belongs to. */
export function notebookActions(
  tracker: INotebookTracker,
  documents: IDocumentManager,
  trans: TranslationBundle
): NotebookActions {
  const bridge = new NotebookBridge({ tracker, documents });
  const warn = (text: string): void => void Notification.warning(text, { autoClose: 4000 });
  return {
    reveal: cell => {
      const path = cell.path ?? tracker.currentWidget?.context.localPath;
      if (path) {
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
    promptAbout: verb =>
      tracker.activeCell ? aboutCell(verb, tracker.activeCell, tracker, trans) : null
  };
}
