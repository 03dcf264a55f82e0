// Letters that look like others: `рrint` with a Cyrillic letter is not `print`. The rules are those
// of `rendering/lookalikes.py`, with the same tests.

// Cyrillic, Greek, Armenian, Cherokee, phonetic and Lisu letters that are drawn as a Latin one.
const ALIKE =
  /[аеорсухѕіјԁԛԝһӏѵАВЕКМНОРСТУХЅІЈԌҮԚԜαγικνορυχϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿօոսհցզյՕՏՍᎠᎡᎢᎪᎫᎬᎳᎻᎽᎷᏀᏃᏔᏚᏟᏢᏦᏒᏙᏞᏴɑɡ\ua4d0-\ua4f7]/u;
// Names of quantities, alone: nobody takes these for Latin letters.
const SYMBOL = /^[αγικνρυχ]$/;
const WORD = /[\p{L}\p{M}\p{Nd}]+/gu;
const BEFORE = /(\p{L}[\p{L}\p{M}]*)[ \t]+$/u;
const AFTER = /^[ \t]+(\p{L}[\p{L}\p{M}]*)/u;
const NEAR = 100;

/** The places of letters that look like others. */
export function lookalikes(text: string): number[] {
  const found: number[] = [];
  for (const word of text.matchAll(WORD)) {
    // eslint-disable-next-line no-control-regex
    if (!/^[\u0000-\u007f]*$/.test(word[0])) {
      found.push(...inWord(text, word[0], word.index));
    }
  }
  return found;
}

function inWord(text: string, word: string, start: number): number[] {
  const letters = [...word];
  const mixed = letters.some(letter => /[A-Za-z]/.test(letter) || isStyled(letter));
  const named = mixed || (isAllAlike(letters) && !isSpeech(text, word, start));
  const found: number[] = [];
  let at = start;
  for (const letter of letters) {
    if (isStyled(letter) || (named && ALIKE.test(letter))) {
      found.push(at);
    }
    at += letter.length;
  }
  return found;
}

/** Whether Python reads a letter as an ASCII one: full-width, mathematical, ligatures. */
function isStyled(letter: string): boolean {
  // Not ordinals, which people write in running text.
  return !/[A-Za-z0-9ªº]/.test(letter) && /^[A-Za-z0-9]+$/.test(letter.normalize('NFKC'));
}

function isAllAlike(letters: readonly string[]): boolean {
  return letters.every(letter => ALIKE.test(letter) || !/\p{L}/u.test(letter));
}

function isSpeech(text: string, word: string, start: number): boolean {
  const end = start + word.length;
  const quote = text.charAt(start - 1);
  if (SYMBOL.test(word) || (/['"`]/.test(quote) && text.charAt(end) === quote)) {
    return true;
  }
  const before = BEFORE.exec(text.slice(Math.max(0, start - NEAR), start));
  const after = AFTER.exec(text.slice(end, end + NEAR));
  return [before, after].some(found => isForeign(found?.[1] ?? ''));
}

/** Whether a word is of another script, and not one that looks Latin. */
function isForeign(word: string): boolean {
  return word !== '' && !/[A-Za-z]/.test(word) && !isAllAlike([...word]);
}
