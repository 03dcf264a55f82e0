// How long ago, as people say it.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { SessionSummary } from '../protocol/types';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** `5 min ago`, `Yesterday, 14:03`, `3 Nov`. A time in the future is now: clocks differ. */
export function ageOf(iso: string, now: Date, trans: TranslationBundle): string {
  const then = new Date(iso);
  const passed = now.getTime() - then.getTime();
  const clock = then.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  if (passed < MINUTE) {
    return trans.__('just now');
  }
  if (passed < HOUR) {
    return trans.__('%1 min ago', Math.floor(passed / MINUTE));
  }
  const days = daysBetween(then, now);
  if (days === 0) {
    return trans.__('%1 h ago', Math.floor(passed / HOUR));
  }
  if (days === 1) {
    return clock;
  }
  if (days < 7) {
    return `${then.toLocaleDateString(undefined, { weekday: 'long' })}, ${clock}`;
  }
  const year = then.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return then.toLocaleDateString(undefined, { day: 'numeric', month: 'short', year });
}

export interface AgeGroup {
  readonly title: string;
  readonly sessions: readonly SessionSummary[];
}

/** Sessions, which come latest first, by the day they were last used. */
export function groupByAge(
  sessions: readonly SessionSummary[],
  now: Date,
  trans: TranslationBundle
): AgeGroup[] {
  const groups = new Map<string, SessionSummary[]>();
  for (const session of sessions) {
    const days = daysBetween(new Date(session.updated_at), now);
    const title =
      days <= 0
        ? trans.__('Today')
        : days === 1
          ? trans.__('Yesterday')
          : days < 7
            ? trans.__('The last seven days')
            : trans.__('Earlier');
    groups.set(title, [...(groups.get(title) ?? []), session]);
  }
  return [...groups].map(([title, found]) => ({ title, sessions: found }));
}

/** Midnights between two times, where the person is. */
function daysBetween(then: Date, now: Date): number {
  const midnight = (date: Date): number =>
    Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(now) - midnight(then)) / (24 * HOUR));
}
