// Code in pieces of some lines each, so that what is added, and the colours of what is finished, cost
// the layout of a piece and not of the whole.

/** Lines of a piece. */
const LINES = 60;
// Beyond this many characters code stays plain: it is parsed in one go.
const MOST_COLOURED = 120_000;

/** Shows growing code in an element, then its colours. */
export class CodeLines {
  constructor(private readonly host: HTMLElement) {}

  /** Show code; what was shown before and is its beginning stays untouched. */
  show(code: string): void {
    if (this.pieces.length === 0 || !code.startsWith(this.finished)) {
      this.finished = '';
      this.pieces = [];
      this.host.replaceChildren();
      this.addPiece();
    }
    for (;;) {
      const end = lineEnd(code, this.finished.length, LINES);
      if (end < 0) {
        break;
      }
      this.last.textContent = code.slice(this.finished.length, end);
      this.finished = code.slice(0, end + 1);
      this.addPiece();
    }
    this.last.textContent = code.slice(this.finished.length);
    this.painting++;
  }

  /**
   * Take over the colours of `made`, which has the same text, one piece a frame. It holds words and
   * flat elements; anything else is not what a highlighter makes, and is left.
   */
  async paint(made: Element): Promise<void> {
    const turn = ++this.painting;
    const pieces = cut(made);
    if (pieces === null || pieces.length !== this.pieces.length) {
      return;
    }
    for (const [at, nodes] of pieces.entries()) {
      this.pieces[at]?.replaceChildren(...nodes);
      await new Promise(resolve => setTimeout(resolve));
      if (turn !== this.painting) {
        return;
      }
    }
  }

  private addPiece(): void {
    const piece = document.createElement('span');
    piece.className = 'jp-Agent-codeLines';
    this.pieces.push(piece);
    this.host.append(piece);
  }

  private get last(): HTMLElement {
    return this.pieces.at(-1) as HTMLElement;
  }

  private pieces: HTMLElement[] = [];
  /** The text of all pieces but the last, with the line breaks between them. */
  private finished = '';
  private painting = 0;
}

/** Whether code is short enough to be highlighted at once. */
export function canColour(code: string): boolean {
  return code.length <= MOST_COLOURED;
}

/** Where the `count`th line from `start` ends; -1 when there is nothing behind it. */
function lineEnd(text: string, start: number, count: number): number {
  let end = start - 1;
  for (let line = 0; line < count; line++) {
    end = text.indexOf('\n', end + 1);
    if (end < 0) {
      return -1;
    }
  }
  return end + 1 < text.length ? end : -1;
}

/** The nodes of an element by pieces of lines; null when elements are nested. */
function cut(made: Element): Node[][] | null {
  const pieces: Node[][] = [[]];
  let lines = 0;
  const nodes = [...made.childNodes];
  for (const node of nodes) {
    if (node instanceof Element && node.childElementCount > 0) {
      return null;
    }
    const parts = (node.textContent ?? '').split('\n');
    let text = '';
    const add = (): void => {
      if (text) {
        const copy = node.cloneNode(false);
        copy.textContent = text;
        pieces.at(-1)?.push(copy);
        text = '';
      }
    };
    parts.forEach((part, at) => {
      if (at > 0) {
        lines++;
        const ends =
          lines % LINES === 0 && (at < parts.length - 1 || part !== '' || node !== nodes.at(-1));
        if (ends) {
          add();
          pieces.push([]);
        } else {
          text += '\n';
        }
      }
      text += part;
    });
    add();
  }
  return pieces;
}
