// The words on a tool's card, and which of them lead to a cell.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { CellRef, ToolState, ToolStatus } from '../protocol/types';

/** A piece of a title: words, or a cell that can be shown. */
export interface TitlePart {
  readonly text: string;
  readonly cell?: CellRef;
}

/** Cut a title at its `[7]`s and `cell 3`s; each leads to the cell that the tool touched. */
export function titleParts(title: string, cells: readonly CellRef[]): TitlePart[] {
  const parts: TitlePart[] = [];
  let from = 0;
  for (const found of title.matchAll(/\[(\d+)\]|\bcell (\d+)\b/g)) {
    const executed = found[1] !== undefined;
    const number = Number(found[1] ?? found[2]);
    const cell = cells.find(
      one => one.number === number && one.executed === executed && one.action !== 'deleted'
    );
    if (cell) {
      parts.push({ text: title.slice(from, found.index) }, { text: found[0], cell });
      from = found.index + found[0].length;
    }
  }
  parts.push({ text: title.slice(from) });
  return parts.filter(part => part.text !== '');
}

/** The cells a title does not name. */
export function unnamedCells(title: string, cells: readonly CellRef[]): CellRef[] {
  const named = new Set(titleParts(title, cells).map(part => part.cell?.cell_id));
  return cells.filter(cell => cell.action !== 'deleted' && !named.has(cell.cell_id));
}

/** What people call a cell: its number in brackets, or its place while it has none. */
export function cellLabel(cell: CellRef, trans: TranslationBundle): string {
  if (cell.number == null) {
    return '[ ]';
  }
  return cell.executed ? `[${cell.number}]` : trans.__('cell %1', cell.number);
}

/** How a call stands, in a word. */
export function statusWord(status: ToolStatus, trans: TranslationBundle): string {
  switch (status) {
    case 'waiting':
      return trans.__('Waiting');
    case 'approval':
      return trans.__('Needs your approval');
    case 'running':
      return trans.__('Running');
    case 'ok':
      return trans.__('Done');
    case 'error':
      return trans.__('Failed');
    case 'denied':
      return trans.__('Denied');
    case 'interrupted':
      return trans.__('Stopped');
  }
}

/** The title to show: the server's, or what is known of the tool before it spoke. */
export function shownTitle(tool: ToolState, fallback: string | undefined): string {
  return tool.title && tool.title !== tool.tool_name ? tool.title : (fallback ?? tool.tool_name);
}
