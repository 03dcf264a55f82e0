// How long to wait before the next attempt to connect.

const FIRST = 500;
const LONGEST = 15_000;

/** Return milliseconds before attempt `attempt` (from 0): doubling, bounded, half of it random. */
export function reconnectDelay(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + (ceiling / 2) * random();
}
