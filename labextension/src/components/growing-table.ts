// A table of Markdown that grows: rows that are there are never rendered again.

const DELIMITERS = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
/** A row, which may have one cell alone; anything else would end the table. */
const ROW = /^(?! {4}).*\||^ {0,3}\p{L}/u;
/** Rows rendered at a time; more would be felt. */
const ROWS = 40;

/** A block that is a table from its first line to its last. */
export interface TableText {
  /** Column names and alignments. */
  readonly head: string;
  readonly rows: readonly string[];
}

/** Read a block as a table; null when it is none, or holds something else too. */
export function readTable(text: string): TableText | null {
  const lines = text.split('\n');
  const [names, delimiters, ...rows] = lines;
  const isTable =
    names !== undefined &&
    delimiters !== undefined &&
    names.includes('|') &&
    delimiters.includes('-') &&
    DELIMITERS.test(delimiters) &&
    rows.every(row => ROW.test(row));
  return isTable ? { head: `${names}\n${delimiters}\n`, rows } : null;
}

/** Renders Markdown, checked and detached. */
type Render = (source: string) => Promise<HTMLElement>;

export class GrowingTable {
  constructor(
    private readonly render: Render,
    private readonly host: HTMLElement,
    private readonly begun: (made: HTMLElement) => void
  ) {}

  /**
   * Bring some more rows up to date; returns whether all are. The last row of a text that grows may
   * not be whole: it is rendered again as long as it changes.
   */
  async advance({ head, rows }: TableText): Promise<boolean> {
    if (this.body === null || head !== this.head || !this.begins(rows)) {
      await this.begin(head);
    }
    const from = this.same(rows);
    const wanted = rows.slice(from, from + ROWS);
    if (wanted.length > 0) {
      const made = await this.render(head + wanted.join('\n'));
      const cells = [...made.querySelectorAll('tbody > tr')];
      while ((this.body?.rows.length ?? 0) > from) {
        this.body?.deleteRow(-1);
      }
      this.body?.append(...cells);
      this.shown = [...this.shown.slice(0, from), ...wanted];
    }
    return this.shown.length === rows.length;
  }

  private async begin(head: string): Promise<void> {
    const made = await this.render(head);
    const table = made.querySelector('table');
    this.body = table && (table.tBodies[0] ?? table.createTBody());
    this.head = head;
    this.shown = [];
    this.begun(made);
    this.host.replaceChildren(...Array.from(made.childNodes));
  }

  /** Whether what is shown is the beginning of these rows, but for the last one. */
  private begins(rows: readonly string[]): boolean {
    return (
      this.shown.length <= rows.length &&
      this.shown.slice(0, -1).every((row, at) => row === rows[at])
    );
  }

  /** How many rows are shown as they are to be. */
  private same(rows: readonly string[]): number {
    const { length } = this.shown;
    return length > 0 && this.shown[length - 1] !== rows[length - 1] ? length - 1 : length;
  }

  private body: HTMLTableSectionElement | null = null;
  private head = '';
  private shown: string[] = [];
}
