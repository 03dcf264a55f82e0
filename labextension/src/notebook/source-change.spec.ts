// A cursor that jumps, or a broken emoji, is how a clumsy replacement shows.
import { describe, expect, it } from 'vitest';

import { sourceChange } from './source-change';

function replaced(before: string, after: string): string {
  const change = sourceChange(before, after);
  return change ? before.slice(0, change.start) + change.text + before.slice(change.end) : before;
}

describe('sourceChange', () => {
  it.each([
    ['', 'a'],
    ['a', ''],
    ['aaa', 'aa'],
    ['abcabc', 'abc'],
    ['x = 1\ny = 2', 'x = 10\ny = 2'],
    ['😀', '😁'],
    ['a😀b', 'a😀😀b'],
    ['\ud83d', '\ud83d\ude00']
  ])('turns %j into %j', (before, after) => {
    expect(replaced(before, after)).toBe(after);
  });

  it('touches only what differs', () => {
    expect(sourceChange('df.mean()', 'df.median()')).toEqual({ start: 5, end: 5, text: 'di' });
  });

  it('is nothing when nothing differs', () => {
    expect(sourceChange('same', 'same')).toBeNull();
  });

  it('never cuts an emoji in two', () => {
    expect(sourceChange('😀', '😁')).toEqual({ start: 0, end: 2, text: '😁' });
    expect(sourceChange('😀x', '🐀x')).toEqual({ start: 0, end: 2, text: '🐀' });
  });
});
