// Characters that a reader cannot see or takes for others, and that change what code does.
import { lookalikes } from './lookalikes';

export interface TextRun {
  readonly text: string;
  /** Set for one invisible character or look-alike: its code point, as `U+202E`. */
  readonly code?: string;
  /** Whether the character is a letter that looks like another one. */
  readonly lookalike?: true;
}

// Controls but tab and newline; soft hyphen; fillers; bidi marks, embeddings and isolates;
// zero-width characters; line separators; unusual spaces; byte-order mark; variation selectors
// that select nothing known; tags.
const INVISIBLE =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class
  /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

/** Cut a text into plain runs and single characters that are invisible or look like others. */
export function textRuns(given: string): TextRun[] {
  const text = given.replace(/\r\n/g, '\n');
  const marked: (TextRun & { at: number })[] = [];
  for (const found of text.matchAll(INVISIBLE)) {
    marked.push({ at: found.index, text: found[0], code: codeOf(found[0]) });
  }
  for (const at of lookalikes(text)) {
    const letter = String.fromCodePoint(text.codePointAt(at) as number);
    marked.push({ at, text: letter, code: codeOf(letter), lookalike: true });
  }
  marked.sort((one, other) => one.at - other.at);
  const runs: TextRun[] = [];
  let from = 0;
  for (const { at, ...run } of marked) {
    if (at > from) {
      runs.push({ text: text.slice(from, at) });
    }
    runs.push(run);
    from = at + run.text.length;
  }
  const rest = text.slice(from);
  return rest ? [...runs, { text: rest }] : runs;
}

/** Whether a text has characters that cannot be seen. */
export function hasInvisible(text: string): boolean {
  return textRuns(text).some(run => run.code && !run.lookalike);
}

/** Whether a text has letters that look like others. */
export function hasLookalike(text: string): boolean {
  return textRuns(text).some(run => run.lookalike);
}

function codeOf(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16);
  return `U+${code.toUpperCase().padStart(4, '0')}`;
}
