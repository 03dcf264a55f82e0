// A diff that shows the wrong lines makes people approve the wrong thing.
import { describe, expect, it } from 'vitest';

import { diffCounts, foldDiff, lineDiff } from './line-diff';

const shown = (before: string, after: string): string =>
  lineDiff(before, after)
    .map(({ kind, text }) => ({ same: ' ', added: '+', removed: '-' })[kind] + text)
    .join('|');

describe('lineDiff', () => {
  it.each([
    ['a\nb\nc', 'a\nx\nc', ' a|-b|+x| c'],
    ['', 'a\nb', '+a|+b'],
    ['a', '', '-a'],
    ['a\nb', 'a\nb', ' a| b'],
    ['a\nb\nc\nd', 'b\nc\nx\nd', '-a| b| c|+x| d'],
    ['a\na', 'a', ' a|-a'],
    ['x', 'x\n', ' x|+']
  ])('%j → %j', (before, after, diff) => {
    expect(shown(before, after)).toBe(diff);
  });

  it('always gives both sides back whole', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const text = (): string =>
      Array.from({ length: Math.ceil(random() * 12) }, () => 'abcd'[Math.floor(random() * 4)]).join(
        '\n'
      );
    for (let round = 0; round < 300; round++) {
      const [before, after] = [text(), text()];
      const diff = lineDiff(before, after);
      const side = (other: string): string =>
        diff
          .filter(line => line.kind !== other)
          .map(line => line.text)
          .join('\n');
      expect(side('added')).toBe(before);
      expect(side('removed')).toBe(after);
    }
  });

  it('stays quick and whole when everything differs', () => {
    const before = Array.from({ length: 3000 }, (_, i) => `a${i}`).join('\n');
    const after = Array.from({ length: 3000 }, (_, i) => `b${i}`).join('\n');
    expect(diffCounts(lineDiff(before, after))).toEqual({ added: 3000, removed: 3000 });
  });
});

describe('foldDiff', () => {
  it('keeps what is near a change and says how much it leaves out', () => {
    const before = Array.from({ length: 20 }, (_, i) => String(i)).join('\n');
    const folded = foldDiff(lineDiff(before, before.replace('10', 'ten')), 2);
    expect(folded[0]).toEqual({ kind: 'gap', count: 8 });
    expect(folded.at(-1)).toEqual({ kind: 'gap', count: 7 });
    expect(folded).toHaveLength(1 + 2 + 2 + 2 + 1);
  });

  it('leaves nothing out when asked not to', () => {
    expect(foldDiff(lineDiff('a\nb\nc', 'a\nb\nx'), Infinity)).toHaveLength(4);
  });
});
