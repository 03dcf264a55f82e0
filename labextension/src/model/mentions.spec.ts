// A mention must mean one thing, and go when its words go.
import { describe, expect, it } from 'vitest';

import type { Mention } from '../protocol/types';
import { Draft } from './draft';
import type { CellChoice } from './mentions';
import {
  cellMention,
  fileMention,
  mentionBefore,
  mentionsIn,
  unambiguous,
  variableMention,
  withoutMention
} from './mentions';

const CELL: CellChoice = {
  id: 'c1',
  path: 'a.ipynb',
  place: '[4]',
  firstLine: 'x = 1',
  hasOutput: true,
  failed: false
};
const df = variableMention('df', 'a.ipynb');

describe('labels', () => {
  it.each([
    ['df', '@df'],
    ['größe', '@größe'],
    ['error', '@variable:error'],
    ['a b', '@variable:a b']
  ])('of the variable %s is %s', (name, label) => {
    expect(variableMention(name, 'a.ipynb').label).toBe(label);
  });

  it('of a file with a space are quoted', () => {
    expect(fileMention('a.csv').label).toBe('@file:a.csv');
    expect(fileMention('my data.csv').label).toBe('@file:"my data.csv"');
  });

  it('tell two cells of the same number apart', () => {
    const one = cellMention(CELL);
    const other = unambiguous(cellMention({ ...CELL, id: 'c2' }), [one]);
    expect(other.label).toBe('@cell:[4]~2');
    expect(unambiguous(cellMention(CELL), [one, other])).toBe(one);
    expect(mentionsIn('@cell:[4]~2', [one, other])).toEqual([other]);
  });
});

describe('a text', () => {
  const file = fileMention('a.csv');

  it.each<[string, Mention, boolean]>([
    ['see @df.', df, true],
    ['(@df)', df, true],
    ['@df.columns', df, true],
    ['see @df2', df, false],
    ['me@df', df, false],
    ['@file:a.csv, then', file, true],
    ['@file:a.csv.', file, true],
    ['@file:a.csv.gz', file, false],
    ['nothing', df, false]
  ])('%s', (text, mention, held) => {
    expect(mentionsIn(text, [mention])).toEqual(held ? [mention] : []);
  });

  it('gives its mentions in their order', () => {
    expect(mentionsIn('@file:a.csv and @df', [df, file])).toEqual([file, df]);
  });

  it('loses a mention as a whole', () => {
    expect(mentionBefore('see @df', 7, [df])).toBe(df);
    expect(mentionBefore('see @df', 6, [df])).toBeUndefined();
    expect(withoutMention('see @df now', df)).toBe('see now');
    expect(withoutMention('see now', df)).toBe('see now');
  });
});

describe('a draft', () => {
  it('takes mentions in, sets them apart, and forgets those whose words are gone', () => {
    const draft = new Draft();
    draft.write('look');
    draft.mention(df);
    expect(draft.text).toBe('look @df ');
    expect(draft.takeCaret()).toBe(9);
    expect(draft.takeCaret()).toBeNull();
    draft.mention(cellMention(CELL), 0, 4);
    expect(draft.text).toBe('@cell:[4] @df ');
    expect(draft.mentions).toHaveLength(2);
    draft.write('only @df');
    expect(draft.mentions).toEqual([df]);
    draft.clear();
    draft.write('@df');
    expect(draft.mentions).toEqual([]);
  });

  it('takes its note back when something is written', () => {
    const draft = new Draft();
    draft.say({ kind: 'info', text: 'help' });
    draft.write('x');
    expect(draft.note).toBeNull();
  });
});
