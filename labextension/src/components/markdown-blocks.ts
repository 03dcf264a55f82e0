// Cuts a growing Markdown text into blocks, so that only the last one is rendered again. Fenced code
// is a block of its own. Costs what was added, not what is there.

export interface Block {
  readonly kind: 'markdown' | 'code';
  readonly text: string;
  /** The word after the fence. */
  readonly language?: string;
  /** Nothing that comes can change it any more. */
  readonly closed: boolean;
}

interface Fence {
  readonly mark: string;
  readonly language: string;
}

const FENCE = /^( *)(`{3,}|~{3,})\s*([^`\n]*)$/;
const ITEM = /^ {0,3}([-*+]|\d{1,9}[.)])(\s|$)/;
const CODE_SPAN = /(`+)(?!`).*?(?<!`)\1(?!`)/g;
const DELIMITERS = /^ {0,3}\|? *:?-+:? *(\| *:?-+:? *)*\|? *$/;
// What goes on over several lines: raw HTML and quotes.
const HOLDS_LINES = /^ {0,3}[<>]/m;
// Characters of a line after which it can no longer become the item of a list.
const DECISIVE = 12;

/** Feed it the whole text each time; it reads on where it stopped. */
export class BlockSplitter {
  /** Return the blocks of `text`; those that are closed stay the same objects. */
  update(text: string, complete = false): readonly Block[] {
    if (!this.continues(text)) {
      this.reset();
    }
    this.length = text.length;
    this.ending = text.slice(-16);
    for (;;) {
      const end = text.indexOf('\n', this.read);
      if (end < 0) {
        break;
      }
      this.readLine(text, text.slice(this.read, end), end + 1);
      this.read = end + 1;
    }
    if (complete && this.read < text.length) {
      this.readLine(text, text.slice(this.read), text.length);
      this.read = text.length;
    } else {
      this.closeEarly(text);
    }
    this.isComplete = complete;
    return [...this.done, ...this.tail(text, complete)];
  }

  private continues(text: string): boolean {
    return (
      (!this.isComplete || text.length === this.length) &&
      text.length >= this.length &&
      text.slice(Math.max(0, this.length - 16), this.length) === this.ending
    );
  }

  private reset(): void {
    this.done = [];
    this.start = this.read = this.lastLine = 0;
    this.fence = null;
    this.nested = null;
    this.blank = this.inList = this.math = false;
    this.details = 0;
    this.isComplete = false;
  }

  /** The beginning of a line is enough to know that a block before it is over. */
  private closeEarly(text: string): void {
    const line = text.slice(this.read);
    // Only a list can go on after an empty line.
    const isDecided = this.inList ? line.length >= DECISIVE : line.trim() !== '';
    if (isDecided && !this.fence && !this.nested && this.endsBefore(line)) {
      this.close(text, this.read);
      this.blank = false;
    }
  }

  private readLine(text: string, line: string, next: number): void {
    if (this.fence) {
      if (closes(line, this.fence)) {
        this.done.push(codeBlock(text.slice(this.start, this.read), this.fence, true));
        this.fence = null;
        this.start = next;
      }
      return;
    }
    if (this.nested) {
      if (closes(line.trimStart(), this.nested)) {
        this.nested = null;
      }
      return;
    }
    if (line.trim() === '') {
      this.blank = true;
      return;
    }
    if (this.endsBefore(line)) {
      this.close(text, this.read);
    } else if (this.makesTable(text, line)) {
      this.close(text, this.lastLine);
    }
    this.lastLine = this.read;
    this.blank = false;
    const fence = FENCE.exec(line);
    if (fence) {
      // No formula goes on beyond it: what looked like the beginning of one was none.
      this.math = false;
      this.openFence(text, fence, next);
      return;
    }
    this.inList ||= ITEM.test(line);
    this.math = this.math !== (count(line.replace(CODE_SPAN, ''), '$$') % 2 === 1);
    this.details += count(line, '<details') - count(line, '</details');
  }

  /** Whether a paragraph, list or table is over when this line comes. */
  private endsBefore(line: string): boolean {
    if (!this.blank || this.math || this.details > 0) {
      return false;
    }
    return !(this.inList && (/^(\s{2,}|\t)/.test(line) || ITEM.test(line)));
  }

  /** Whether this line makes a table's head of the last line, of which more was no table. */
  private makesTable(text: string, line: string): boolean {
    if (this.blank || this.inList || this.math || this.details > 0 || this.lastLine <= this.start) {
      return false;
    }
    const names = text.slice(this.lastLine, this.read - 1);
    return (
      line.includes('|') &&
      names.includes('|') &&
      DELIMITERS.test(line) &&
      countCells(names) === countCells(line) &&
      !HOLDS_LINES.test(text.slice(this.start, this.read))
    );
  }

  private openFence(text: string, [, indent, mark, info]: RegExpExecArray, next: number): void {
    const fence = { mark: mark as string, language: (info ?? '').trim().split(/\s/)[0] ?? '' };
    if ((this.inList && indent) || (indent ?? '').length > 3) {
      this.nested = fence;
      return;
    }
    this.close(text, this.read);
    this.fence = fence;
    this.start = next;
  }

  private close(text: string, end: number): void {
    const block = text.slice(this.start, end);
    if (block.trim()) {
      this.done.push({ kind: 'markdown', text: block.trimEnd(), closed: true });
    }
    this.start = end;
    this.inList = this.math = false;
    this.details = 0;
  }

  private tail(text: string, complete: boolean): Block[] {
    const rest = text.slice(this.start);
    if (this.fence) {
      const last = text.slice(this.read);
      const isOver = closes(last, this.fence);
      return [codeBlock(isOver ? text.slice(this.start, this.read) : rest, this.fence, complete)];
    }
    return rest.trim() ? [{ kind: 'markdown', text: rest.trimEnd(), closed: complete }] : [];
  }

  private done: Block[] = [];
  private length = 0;
  private ending = '';
  private start = 0;
  private read = 0;
  /** Where the last line with words in it began. */
  private lastLine = 0;
  private fence: Fence | null = null;
  private nested: Fence | null = null;
  private blank = false;
  private inList = false;
  private math = false;
  private details = 0;
  private isComplete = false;
}

function closes(line: string, fence: Fence): boolean {
  const bare = line.trim();
  return bare.length >= fence.mark.length && bare === (fence.mark[0] as string).repeat(bare.length);
}

function codeBlock(text: string, { language }: Fence, closed: boolean): Block {
  return { kind: 'code', text: text.replace(/\n$/, ''), language, closed };
}

function countCells(row: string): number {
  return row
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|').length;
}

function count(line: string, word: string): number {
  return line.split(word).length - 1;
}
