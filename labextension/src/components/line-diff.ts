// A line diff (Myers' O(ND) algorithm, bounded), for showing; edits are never made from it.

export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed';
  readonly text: string;
}

/** Lines left out between two shown ones. */
export interface DiffGap {
  readonly kind: 'gap';
  readonly count: number;
}

// Beyond this many differences the middle is shown as removed and added, without looking for more.
const MOST_STEPS = 1000;

export function lineDiff(before: string, after: string): DiffLine[] {
  const a = lines(before);
  const b = lines(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start++;
  }
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - start && a.at(-1 - tail) === b.at(-1 - tail)) {
    tail++;
  }
  return [
    ...a.slice(0, start).map(same),
    ...middle(a.slice(start, a.length - tail), b.slice(start, b.length - tail)),
    ...a.slice(a.length - tail).map(same)
  ];
}

/** Count added and removed lines. */
export function diffCounts(diff: readonly DiffLine[]): { added: number; removed: number } {
  const count = (kind: string): number => diff.filter(line => line.kind === kind).length;
  return { added: count('added'), removed: count('removed') };
}

/** Leave out unchanged lines farther than `context` from a change. */
export function foldDiff(diff: readonly DiffLine[], context: number): (DiffLine | DiffGap)[] {
  const near = new Set<number>();
  diff.forEach((line, at) => {
    if (line.kind !== 'same') {
      for (let i = Math.max(0, at - context); i <= Math.min(diff.length, at + context); i++) {
        near.add(i);
      }
    }
  });
  const folded: (DiffLine | DiffGap)[] = [];
  diff.forEach((line, at) => {
    const last = folded.at(-1);
    if (near.has(at)) {
      folded.push(line);
    } else if (last?.kind === 'gap') {
      folded[folded.length - 1] = { kind: 'gap', count: last.count + 1 };
    } else {
      folded.push({ kind: 'gap', count: 1 });
    }
  });
  return folded;
}

function lines(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}

const same = (text: string): DiffLine => ({ kind: 'same', text });
const added = (text: string): DiffLine => ({ kind: 'added', text });
const removed = (text: string): DiffLine => ({ kind: 'removed', text });

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  const trace = shortestEdit(a, b);
  return trace === null ? [...a.map(removed), ...b.map(added)] : walkBack(a, b, trace);
}

/** The furthest points reached with each number of edits, null when there are too many. */
function shortestEdit(a: readonly string[], b: readonly string[]): Map<number, number>[] | null {
  const reached = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let edits = 0; edits <= Math.min(a.length + b.length, MOST_STEPS); edits++) {
    trace.push(new Map(reached));
    for (let k = -edits; k <= edits; k += 2) {
      let x = comesFromAbove(reached, k, edits) ? at(reached, k + 1) : at(reached, k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) {
        x++;
      }
      reached.set(k, x);
      if (x >= a.length && x - k >= b.length) {
        return trace;
      }
    }
  }
  return null;
}

function walkBack(
  a: readonly string[],
  b: readonly string[],
  trace: readonly Map<number, number>[]
): DiffLine[] {
  const found: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reached = trace[edits] as Map<number, number>;
    const k = x - y;
    const previous = comesFromAbove(reached, k, edits) ? k + 1 : k - 1;
    const fromX = edits === 0 ? 0 : at(reached, previous);
    const fromY = edits === 0 ? 0 : fromX - previous;
    while (x > fromX && y > fromY) {
      found.push(same(a[--x] as string));
      y--;
    }
    if (edits > 0) {
      found.push(x > fromX ? removed(a[--x] as string) : added(b[--y] as string));
    }
  }
  return found.reverse();
}

function comesFromAbove(reached: Map<number, number>, k: number, edits: number): boolean {
  return k === -edits || (k !== edits && at(reached, k - 1) < at(reached, k + 1));
}

function at(reached: Map<number, number>, k: number): number {
  return reached.get(k) ?? -1;
}
