// Numbers as people read them.
import type { TranslationBundle } from '@jupyterlab/translation';

/** 200000 → `200k`, 1048576 → `1M`. */
export function shortCount(count: number): string {
  if (count >= 999_500) {
    return `${trim(count / 1_000_000)}M`;
  }
  return count >= 1000 ? `${trim(count / 1000)}k` : String(count);
}

/** US dollars; small amounts keep enough digits to be more than zero. */
export function dollars(amount: number): string {
  if (amount === 0) {
    return '$0';
  }
  return amount < 0.01 ? `$${amount.toPrecision(2)}` : `$${amount.toFixed(2)}`;
}

/** A duration: `0.4 s`, `12 s`, `3 min 5 s`. */
export function seconds(duration: number, trans: TranslationBundle): string {
  if (duration < 9.95) {
    return trans.__('%1 s', duration.toFixed(1));
  }
  const whole = Math.round(duration);
  return whole < 60
    ? trans.__('%1 s', whole)
    : trans.__('%1 min %2 s', Math.floor(whole / 60), whole % 60);
}

function trim(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}
