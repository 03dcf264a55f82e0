// Characters that a reader cannot see and that change what code does or how it looks.

export interface TextRun {
  readonly text: string;
  /** Set for one invisible character: its code point, as `U+202E`. */
  readonly code?: string;
}

// Controls but tab and newline; soft hyphen; fillers; bidi marks, embeddings and isolates;
// zero-width characters; line separators; unusual spaces; byte-order mark; variation selectors
// that select nothing known; tags.
const INVISIBLE =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class
  /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

/** Cut a text into plain runs and single invisible characters. */
export function textRuns(text: string): TextRun[] {
  const runs: TextRun[] = [];
  let from = 0;
  for (const found of text.replace(/\r\n/g, '\n').matchAll(INVISIBLE)) {
    if (found.index > from) {
      runs.push({ text: found.input.slice(from, found.index) });
    }
    const code = (found[0].codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
    runs.push({ text: found[0], code: `U+${code}` });
    from = found.index + found[0].length;
  }
  const rest = text.replace(/\r\n/g, '\n').slice(from);
  return rest ? [...runs, { text: rest }] : runs;
}

/** Whether a text has characters that cannot be seen. */
export function hasInvisible(text: string): boolean {
  return textRuns(text).some(run => run.code);
}
