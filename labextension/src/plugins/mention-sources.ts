// What of the notebook in front can be mentioned in a prompt.
import type { YCodeCell } from '@jupyter/ydoc';
import type { Cell } from '@jupyterlab/cells';
import type { INotebookTracker } from '@jupyterlab/notebook';

import type { AgentApi } from '../client/rest';
import type { CellChoice, MentionSources } from '../model/mentions';
import type { FileList, VariableList } from '../protocol/types';
import { cellState } from '../notebook/state';

export class NotebookMentions implements MentionSources {
  constructor(
    private readonly tracker: INotebookTracker,
    private readonly server: Pick<AgentApi, 'variables' | 'files'>
  ) {}

  get notebook(): string | null {
    return this.tracker.currentWidget?.context.localPath ?? null;
  }

  get hasCells(): boolean {
    return (this.tracker.currentWidget?.model?.sharedModel.cells.length ?? 0) > 0;
  }

  cells(): readonly CellChoice[] {
    const path = this.notebook;
    const cells = this.tracker.currentWidget?.model?.sharedModel.cells ?? [];
    return path === null
      ? []
      : cells.map((cell, at) => {
          const state = cellState(cell as YCodeCell, false);
          return {
            id: state.id,
            path,
            place: state.execution_count ? `[${state.execution_count}]` : `#${at + 1}`,
            firstLine: firstLine(state.source),
            hasOutput: state.output_kinds.length > 0,
            failed: state.output_kinds.includes('error')
          };
        });
  }

  /** A cell of the notebook in front. */
  cell(id: string): CellChoice | null {
    return this.cells().find(one => one.id === id) ?? null;
  }

  selection(): { cell: CellChoice; text: string } | null {
    const active = this.tracker.activeCell;
    const cell = active && this.cell(active.model.id);
    const text = active ? selectedText(active) : '';
    return cell && text.trim() ? { cell, text } : null;
  }

  variables(): Promise<VariableList> {
    return this.notebook === null
      ? Promise.resolve({ variables: [] })
      : this.server.variables(this.notebook);
  }

  files(query: string): Promise<FileList> {
    return this.server.files(query);
  }
}

function selectedText({ editor, model }: Cell): string {
  if (!editor) {
    return '';
  }
  const { start, end } = editor.getSelection();
  const [from, to] = [editor.getOffsetAt(start), editor.getOffsetAt(end)];
  return model.sharedModel.getSource().slice(Math.min(from, to), Math.max(from, to));
}

function firstLine(source: string): string {
  const line = source.split('\n').find(one => one.trim()) ?? '';
  return line.trim().slice(0, 120);
}
