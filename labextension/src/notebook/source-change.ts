// The smallest replacement that turns one source into another.

/** Replace `[start, end)` by `text`; in UTF-16 code units, as editors and Y.js count. */
export interface SourceChange {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Trim what both have in common at either side, so that the cursor and what a person types
 * elsewhere in the cell stay where they are. Never cuts a surrogate pair in two.
 */
export function sourceChange(before: string, after: string): SourceChange | null {
  if (before === after) {
    return null;
  }
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) {
    start++;
  }
  if (start > 0 && isHighSurrogate(before, start - 1)) {
    start--;
  }
  let tail = 0;
  while (tail < shorter - start && before.at(-1 - tail) === after.at(-1 - tail)) {
    tail++;
  }
  if (tail > 0 && isLowSurrogate(before, before.length - tail)) {
    tail--;
  }
  return { start, end: before.length - tail, text: after.slice(start, after.length - tail) };
}

function isHighSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
