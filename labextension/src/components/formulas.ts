// What of a rendered answer the typesetter will take for a formula, and the macros in there that
// carry styles, links or code: they become words. Text outside formulas stays as it is.

const MACRO =
  /\\(href|url|style|class|cssId|data|html\w*|require|unicode|includegraphics|def|gdef|let|newcommand|renewcommand|newenvironment|csname)(?![a-zA-Z])/g;
const DELIMITER = /\$|\\[()[\]]|\\(?:begin|end)\b/g;
// Where MathJax looks for nothing.
const LITERAL = 'pre, code, script, style, textarea';
// What it reads across: everything else ends a formula.
const JOINING = new Set(['BR', 'WBR', '#comment']);

/** Disarm the formulas in an element before they are typeset. */
export function disarmFormulas(host: Element): void {
  for (const run of textRuns(host)) {
    const text = run.map(node => node.data).join('');
    const delimiters = [...text.matchAll(DELIMITER)];
    // From the first delimiter to the last: at least all that can be in a formula.
    const from = delimiters.at(0)?.index ?? 0;
    const to = delimiters.at(-1)?.index ?? 0;
    let at = 0;
    for (const node of run) {
      const { data } = node;
      const [start, end] = [Math.max(0, from - at), Math.max(0, to - at)];
      const words = data.slice(start, end).replace(MACRO, '\\backslash $1');
      node.data = data.slice(0, start) + words + data.slice(end);
      at += data.length;
    }
  }
}

/** Texts that nothing but line breaks and comments separates. */
function textRuns(host: Element): Text[][] {
  const runs: Text[][] = [];
  for (const element of [host, ...host.querySelectorAll('*')]) {
    if (element.closest(LITERAL)) {
      continue;
    }
    let run: Text[] = [];
    runs.push(run);
    for (const node of element.childNodes) {
      if (node instanceof Text) {
        run.push(node);
      } else if (!JOINING.has(node.nodeName)) {
        run = [];
        runs.push(run);
      }
    }
  }
  return runs.filter(run => run.length > 0);
}
