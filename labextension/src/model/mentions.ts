// Mentions as text: how each stands in the prompt, and which of them a text still holds.
import type { FileList, Mention, MentionKind, VariableList } from '../protocol/types';

/** A cell that can be mentioned. `place` is `[4]` as Lab shows it, or `#7` by position. */
export interface CellChoice {
  readonly id: string;
  readonly path: string;
  readonly place: string;
  readonly firstLine: string;
  readonly hasOutput: boolean;
  readonly failed: boolean;
}

/** What there is to mention, asked anew each time. */
export interface MentionSources {
  /** Path of the notebook in front. */
  readonly notebook: string | null;
  /** Whether it has cells; unlike `cells()` this reads none of them. */
  readonly hasCells: boolean;
  cells(): readonly CellChoice[];
  /** What is selected in the active cell's editor. */
  selection(): { readonly cell: CellChoice; readonly text: string } | null;
  variables(): Promise<VariableList>;
  files(query: string): Promise<FileList>;
}

export const KINDS: readonly MentionKind[] = [
  'cell',
  'selection',
  'variable',
  'file',
  'output',
  'error'
];

const NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u;

export function cellMention(
  cell: Pick<CellChoice, 'id' | 'path' | 'place'>,
  kind: 'cell' | 'output' = 'cell'
): Mention {
  return { kind, label: `@${kind}:${cell.place}`, path: cell.path, cell_id: cell.id };
}

export function selectionMention(cell: CellChoice, text: string): Mention {
  return { kind: 'selection', label: '@selection', path: cell.path, cell_id: cell.id, text };
}

export function variableMention(name: string, notebook: string): Mention {
  const plain = NAME.test(name) && !KINDS.some(kind => kind === name);
  const label = plain ? `@${name}` : `@variable:${name}`;
  return { kind: 'variable', label, path: notebook, name };
}

export function fileMention(path: string): Mention {
  const label = /[\s"]/.test(path) ? `@file:"${path}"` : `@file:${path}`;
  return { kind: 'file', label, path };
}

export function errorMention(notebook: string): Mention {
  return { kind: 'error', label: '@error', path: notebook };
}

/** The mention under a label that no other of the prompt has. */
export function unambiguous(mention: Mention, known: readonly Mention[]): Mention {
  const key = (one: Mention): string => JSON.stringify({ ...one, label: '' });
  const same = known.find(one => key(one) === key(mention));
  if (same) {
    return same;
  }
  let label = mention.label;
  for (let count = 2; known.some(one => one.label === label); count++) {
    label = `${mention.label}~${count}`;
  }
  return { ...mention, label };
}

/** The mentions whose labels stand in the text, in the order of the text. */
export function mentionsIn(text: string, known: readonly Mention[]): Mention[] {
  const found = known
    .map(mention => ({ mention, at: placeOf(text, mention) }))
    .filter(({ at }) => at >= 0);
  return found.sort((one, other) => one.at - other.at).map(({ mention }) => mention);
}

/** The mention that ends at the caret, so that it goes as a whole. */
export function mentionBefore(
  text: string,
  caret: number,
  known: readonly Mention[]
): Mention | undefined {
  const before = text.slice(0, caret);
  return known.find(
    ({ label }) => before.endsWith(label) && stands(text, caret - label.length, label)
  );
}

/** The text without a mention, and without the space that came with it. */
export function withoutMention(text: string, mention: Mention): string {
  const at = placeOf(text, mention);
  const end = at + mention.label.length;
  return at < 0 ? text : text.slice(0, at) + text.slice(text[end] === ' ' ? end + 1 : end);
}

function placeOf(text: string, { label }: Mention): number {
  let at = text.indexOf(label);
  while (at >= 0 && !stands(text, at, label)) {
    at = text.indexOf(label, at + 1);
  }
  return at;
}

/** Whether a label stands there by itself: `@df` is not in `@df2`, nor `@file:a` in `@file:a.csv`. */
function stands(text: string, at: number, label: string): boolean {
  const before = text.slice(Math.max(0, at - 1), at);
  const after = text.slice(at + label.length);
  const goesOn = label.startsWith('@file:') ? /^[./\\-]*[\p{L}\p{N}_~]/u : /^[\p{L}\p{N}_~]/u;
  return !/[\p{L}\p{N}_]/u.test(before) && !goesOn.test(after);
}
