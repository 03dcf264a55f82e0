// Numbers as people read them.

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

function trim(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}
