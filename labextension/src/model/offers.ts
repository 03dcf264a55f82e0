// What the composer's list offers at the cursor: commands, models, modes, things to mention. Pure.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Mention, MentionKind, Mode, ModelInfo, VariableList } from '../protocol/types';
import type { Command } from './commands';
import type { CellChoice, MentionSources } from './mentions';
import {
  KINDS,
  cellMention,
  errorMention,
  fileMention,
  selectionMention,
  variableMention
} from './mentions';

/** What is being typed at the cursor, from `start` to the cursor. */
export interface TypedToken {
  readonly kind: 'mention' | 'command' | 'model' | 'mode';
  readonly start: number;
  readonly query: string;
}

/** One line of the list, and what choosing it does: a mention, a text, or a text that goes on. */
export interface Offer {
  readonly key: string;
  readonly label: string;
  readonly detail: string;
  readonly mention?: Mention;
  readonly text?: string;
  /** The text is a whole command: Enter carries it out, Tab only writes it. */
  readonly runs?: boolean;
}

const FEW = 5;
const MANY = 50;

/** The token the cursor is in, null when there is nothing to offer for it. */
export function tokenAt(text: string, caret: number): TypedToken | null {
  const before = text.slice(0, caret);
  const command = /^\/([\p{L}\p{N}_-]*)$/u.exec(before);
  if (command) {
    return { kind: 'command', start: 0, query: command[1] ?? '' };
  }
  const choice = /^\/(model|mode)\s+(\S*)$/iu.exec(before);
  if (choice) {
    const query = choice[2] ?? '';
    const kind = choice[1]?.toLowerCase() === 'mode' ? 'mode' : 'model';
    return { kind, start: caret - query.length, query };
  }
  const mention = /(?:^|[\s([{,;])@(file:"[^"\n]*|[^\s"@]*)$/u.exec(before);
  if (mention) {
    const query = mention[1] ?? '';
    return { kind: 'mention', start: caret - query.length - 1, query };
  }
  return null;
}

/** The kind a query has chosen already, and the rest of it: `cell:4` → `cell`, `4`. */
export function splitQuery(query: string): { kind: MentionKind | null; rest: string } {
  const [head = '', ...tail] = query.split(':');
  const kind = KINDS.find(one => one === head.toLowerCase());
  return kind && tail.length > 0
    ? { kind, rest: tail.join(':').replace(/^"/, '') }
    : { kind: null, rest: query };
}

export function commandOffers(query: string, commands: readonly Command[]): Offer[] {
  return commands
    .filter(one => one.offered && one.name.startsWith(query.toLowerCase()))
    .map(one => ({
      key: one.name,
      label: `/${one.name}`,
      detail: one.describe,
      text: one.argument ? `/${one.name} ` : `/${one.name}`,
      runs: !one.argument
    }));
}

export function modelOffers(models: readonly ModelInfo[]): Offer[] {
  return models.slice(0, MANY).map(one => ({
    key: one.id,
    label: one.label,
    detail: one.available ? one.id : (one.reason ?? one.id),
    text: `/model ${one.id}`,
    runs: true
  }));
}

export function modeOffers(
  query: string,
  modes: readonly Mode[],
  words: Readonly<Record<Mode, readonly [string, string]>>
): Offer[] {
  return modes
    .filter(mode => mode.startsWith(query.toLowerCase()))
    .map(mode => ({
      key: mode,
      label: mode,
      detail: words[mode][1],
      text: `/mode ${mode}`,
      runs: true
    }));
}

/** What is known when mentions are offered; the lists come later, from the server. */
export interface Found {
  readonly variables: VariableList | null;
  readonly files: readonly string[];
}

export function mentionOffers(
  query: string,
  sources: MentionSources,
  found: Found,
  trans: TranslationBundle
): Offer[] {
  const { kind, rest } = splitQuery(query);
  const { notebook } = sources;
  const cells = notebook === null ? [] : sources.cells();
  const variables = notebook === null ? [] : variableOffers(rest, notebook, found);
  const files = found.files.map(path => offer(fileMention(path), trans.__('file')));
  switch (kind) {
    case 'cell':
      return cellOffers(rest, cells, 'cell').slice(0, MANY);
    case 'output':
      return cellOffers(rest, cells, 'output').slice(0, MANY);
    case 'variable':
      return variables.slice(0, MANY);
    case 'file':
      return files;
    default: {
      const kinds = kindOffers(sources, cells, trans).filter(one =>
        one.key.startsWith(query.toLowerCase())
      );
      return query === ''
        ? kinds
        : [
            ...kinds,
            ...variables.slice(0, FEW),
            ...cellOffers(query, cells, 'cell').slice(0, FEW),
            ...files.slice(0, FEW)
          ];
    }
  }
}

function kindOffers(
  sources: MentionSources,
  cells: readonly CellChoice[],
  trans: TranslationBundle
): Offer[] {
  const { notebook } = sources;
  const begins = (kind: MentionKind, detail: string): Offer => ({
    key: kind,
    label: `@${kind}`,
    detail,
    text: `@${kind}:`
  });
  const offers: Offer[] = [];
  if (notebook !== null) {
    const selected = sources.selection();
    offers.push(begins('cell', trans.__('A cell, with its output')));
    if (selected) {
      const mention = selectionMention(selected.cell, selected.text);
      offers.push({ ...offer(mention, firstLine(selected.text)), key: 'selection' });
    }
    offers.push(begins('variable', trans.__('A variable of the kernel')));
  }
  offers.push(begins('file', trans.__('A file')));
  if (cells.some(cell => cell.hasOutput)) {
    offers.push(begins('output', trans.__('The output of a cell, whole')));
  }
  if (notebook !== null && cells.some(cell => cell.failed)) {
    offers.push({ ...offer(errorMention(notebook), trans.__('The last error')), key: 'error' });
  }
  return offers;
}

function cellOffers(query: string, cells: readonly CellChoice[], kind: 'cell' | 'output'): Offer[] {
  const wanted = query.toLowerCase();
  return cells
    .filter(cell => kind === 'cell' || cell.hasOutput)
    .filter(cell => `${cell.place} ${cell.firstLine}`.toLowerCase().includes(wanted))
    .map(cell => ({
      ...offer(cellMention(cell, kind), cell.firstLine),
      key: `${kind} ${cell.id}`
    }));
}

function variableOffers(query: string, notebook: string, { variables }: Found): Offer[] {
  const wanted = query.toLowerCase();
  const named = (variables?.variables ?? []).filter(one => one.name.toLowerCase().includes(wanted));
  const first = named.filter(one => one.name.toLowerCase().startsWith(wanted));
  return [...first, ...named.filter(one => !first.includes(one))].map(one =>
    offer(variableMention(one.name, notebook), one.summary)
  );
}

function offer(mention: Mention, detail: string): Offer {
  return { key: mention.label, label: mention.label, detail, mention };
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
