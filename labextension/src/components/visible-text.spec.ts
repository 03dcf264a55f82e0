// Code that reads one way and runs another: what is invisible must show in an approval.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { hasInvisible, hasLookalike, textRuns } from './visible-text';

const shared = JSON.parse(readFileSync(resolve('../tests/fixtures/lookalikes.json'), 'utf-8')) as {
  name: string;
  text: string;
  marked: string[];
}[];

describe('textRuns', () => {
  it.each([
    ['right-to-left override', '\u202e', 'U+202E'],
    ['isolate', '\u2066', 'U+2066'],
    ['zero-width space', '\u200b', 'U+200B'],
    ['zero-width joiner', '\u200d', 'U+200D'],
    ['byte-order mark', '\ufeff', 'U+FEFF'],
    ['tag character', '\u{e0041}', 'U+E0041'],
    ['escape (ANSI)', '\u001b', 'U+001B'],
    ['bare carriage return', '\r', 'U+000D'],
    ['backspace', '\b', 'U+0008'],
    ['no-break space', '\u00a0', 'U+00A0'],
    ['Hangul filler', '\u3164', 'U+3164'],
    ['line separator', '\u2028', 'U+2028'],
    ['soft hyphen', '\u00ad', 'U+00AD']
  ])('shows a %s', (_, character, code) => {
    expect(textRuns(`a${character}b`)).toEqual([
      { text: 'a' },
      { text: character, code },
      { text: 'b' }
    ]);
  });

  it.each(['x = 1\n\ty = 2\r\n', 'naïve 😀 日本語 עברית', ''])('leaves %j alone', text => {
    expect(hasInvisible(text)).toBe(false);
    expect(hasLookalike(text)).toBe(false);
  });

  it.each(shared)('marks look-alikes: $name', ({ text, marked }) => {
    const runs = textRuns(text);
    expect(runs.filter(run => run.lookalike).map(run => run.code)).toEqual(marked);
    expect(runs.map(run => run.text).join('')).toBe(text);
  });

  it('loses no character', () => {
    const text = 'a\u202eb\u200b\u200bc';
    expect(
      textRuns(text)
        .map(run => run.text)
        .join('')
    ).toBe(text);
  });
});
