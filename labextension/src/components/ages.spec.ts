// A list of sessions in which every date has to be read to find the last one.
import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import type { SessionSummary } from '../protocol/types';
import { ageOf, groupByAge } from './ages';

const trans = nullTranslator.load('jupyter_agent');
const now = new Date(2026, 10, 29, 15, 30);
const before = (minutes: number): string =>
  new Date(now.getTime() - minutes * 60_000).toISOString();
const DAY = 24 * 60;

it.each([
  [-5, 'just now'],
  [0.5, 'just now'],
  [12, '12 min ago'],
  [3 * 60 + 5, '3 h ago']
])('%s minutes are told', (minutes, words) => {
  expect(ageOf(before(minutes), now, trans)).toBe(words);
});

it('an older one is told by its day', () => {
  expect(ageOf(before(3 * DAY), now, trans)).toContain('Thursday');
  expect(ageOf(before(20 * DAY), now, trans)).not.toContain('2026');
  expect(ageOf(before(400 * DAY), now, trans)).toContain('2025');
});

it('sessions are grouped by day, in their order', () => {
  const session = (id: string, minutes: number): SessionSummary =>
    ({ id, updated_at: before(minutes) }) as SessionSummary;
  const sessions = [
    session('a', 1),
    session('b', 15 * 60), // after midnight still
    session('c', 16 * 60),
    session('d', 5 * DAY),
    session('e', 9 * DAY)
  ];
  const groups = groupByAge(sessions, now, trans);
  expect(groups.map(one => [one.title, one.sessions.map(({ id }) => id).join('')])).toEqual([
    ['Today', 'ab'],
    ['Yesterday', 'c'],
    ['The last seven days', 'd'],
    ['Earlier', 'e']
  ]);
});
