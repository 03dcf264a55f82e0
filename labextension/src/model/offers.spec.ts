// What is offered where the cursor is, and nothing where a person only writes.
import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { CellChoice, MentionSources } from './mentions';
import { mentionOffers, splitQuery, tokenAt } from './offers';

const trans = nullTranslator.load('jupyter_agent');
const cell = (place: string, firstLine: string, more: Partial<CellChoice> = {}): CellChoice => ({
  id: place,
  path: 'a.ipynb',
  place,
  firstLine,
  hasOutput: false,
  failed: false,
  ...more
});
const CELLS = [cell('[1]', 'import pandas'), cell('#2', 'df.plot()', { hasOutput: true })];
const sources = (more: Partial<MentionSources> = {}): MentionSources => ({
  notebook: 'a.ipynb',
  hasCells: true,
  cells: () => CELLS,
  selection: () => null,
  variables: async () => ({ variables: [] }),
  files: async () => ({ files: [], more: false }),
  ...more
});
const FOUND = {
  variables: {
    variables: [
      { name: 'my_df', summary: 'a frame' },
      { name: 'df', summary: 'another' }
    ]
  },
  files: ['data/df.csv']
};
const labels = (query: string, given = sources()): string[] =>
  mentionOffers(query, given, FOUND, trans).map(one => one.label);

describe('the token at the cursor', () => {
  it.each([
    ['@', { kind: 'mention', start: 0, query: '' }],
    ['see @ce', { kind: 'mention', start: 4, query: 'ce' }],
    ['(@x', { kind: 'mention', start: 1, query: 'x' }],
    ['@file:"my da', { kind: 'mention', start: 0, query: 'file:"my da' }],
    ['/', { kind: 'command', start: 0, query: '' }],
    ['/mo', { kind: 'command', start: 0, query: 'mo' }],
    ['/model cl', { kind: 'model', start: 7, query: 'cl' }],
    ['/mode ', { kind: 'mode', start: 6, query: '' }],
    ['me@example', null],
    ['@df ', null],
    ['//', null],
    ['a /fix', null],
    ['/fix ', null],
    ['/home/x', null]
  ])('of %j', (text, token) => {
    expect(tokenAt(text, text.length)).toEqual(token);
  });

  it('is what stands before the cursor', () => {
    expect(tokenAt('@df and more', 3)).toEqual({ kind: 'mention', start: 0, query: 'df' });
  });

  it('may have chosen a kind', () => {
    expect(splitQuery('cell:[1]')).toEqual({ kind: 'cell', rest: '[1]' });
    expect(splitQuery('file:"a b')).toEqual({ kind: 'file', rest: 'a b' });
    expect(splitQuery('cell')).toEqual({ kind: null, rest: 'cell' });
    expect(splitQuery('x:y')).toEqual({ kind: null, rest: 'x:y' });
  });
});

describe('mentions', () => {
  it('are offered by kind, those that are there', () => {
    expect(labels('')).toEqual(['@cell', '@variable', '@file', '@output']);
    const failed = sources({ cells: () => [cell('[1]', 'x', { hasOutput: true, failed: true })] });
    expect(labels('', failed)).toContain('@error');
    const selected = sources({ selection: () => ({ cell: CELLS[0] as CellChoice, text: 'im' }) });
    expect(labels('', selected)).toContain('@selection');
    expect(labels('', sources({ notebook: null }))).toEqual(['@file']);
  });

  it('are found among cells by number and first line', () => {
    expect(labels('cell:')).toEqual(['@cell:[1]', '@cell:#2']);
    expect(labels('cell:PLOT')).toEqual(['@cell:#2']);
    expect(labels('output:')).toEqual(['@output:#2']);
  });

  it('are found among all things at once', () => {
    expect(labels('df')).toEqual(['@df', '@my_df', '@cell:#2', '@file:data/df.csv']);
    expect(labels('variable:my')).toEqual(['@my_df']);
    expect(labels('file:x')).toEqual(['@file:data/df.csv']);
  });
});
