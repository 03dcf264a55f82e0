// What the server is told of a notebook: cells, revision, and outputs where asked for.
import type { ISharedCell, YCodeCell, YMarkdownCell, YNotebook } from '@jupyter/ydoc';

import type { CellState, JsonValue, ReadParams } from '../protocol/types';

type Outputs = ReadParams['outputs'];
type Output = Readonly<Record<string, JsonValue>>;

// Bytes of one answer, together below the largest frame the server takes (20 MB): of sources and
// metadata, and of outputs and attachments. What does not fit is left out; the rest arrives.
const MOST_TEXT = 7_000_000;
const MOST_OUTPUTS = 11_000_000;
// Characters that are shown of a source that does not fit.
const SHOWN = 2_000;

/** What one answer still has room for. */
export class Room {
  /** Take room for a value; false when there is not enough. */
  take(kind: 'text' | 'outputs', value: unknown): boolean {
    const size = value === undefined ? 0 : encoder.encode(JSON.stringify(value)).length;
    if (size > this.left[kind]) {
      return false;
    }
    this.left[kind] -= size;
    return true;
  }

  private readonly left = { text: MOST_TEXT, outputs: MOST_OUTPUTS };
}

const encoder = new TextEncoder();

/**
 * Return a source, or its beginning if there is no room for it. An edit that expects the beginning
 * for the whole is refused, so nothing of it can be lost.
 */
export function sourceWithin(source: string, room: Room): string {
  if (room.take('text', source)) {
    return source;
  }
  const more = (source.length - SHOWN).toLocaleString('en');
  return `${source.slice(0, SHOWN)}\n[… ${more} more characters: too large to be read here …]`;
}

/** Describe one cell. Without outputs it stays cheap, however large they are. */
export function cellState(
  cell: ISharedCell,
  withOutputs: boolean,
  room: Room = new Room()
): CellState {
  const metadata = cell.getMetadata() as CellState['metadata'];
  const shared = {
    id: cell.getId(),
    cell_type: cell.cell_type as CellState['cell_type'],
    source: sourceWithin(cell.getSource(), room),
    ...(room.take('text', metadata) ? { metadata } : {})
  };
  if (cell.cell_type !== 'code') {
    const attachments = withOutputs
      ? ((cell as YMarkdownCell).getAttachments?.() as CellState['attachments'])
      : undefined;
    return {
      ...shared,
      output_kinds: [],
      running: false,
      ...(attachments && room.take('outputs', attachments) ? { attachments } : {})
    };
  }
  const code = cell as YCodeCell;
  const outputs = withOutputs ? (code.getOutputs() as unknown as Output[]) : undefined;
  return {
    ...shared,
    execution_count: code.execution_count ?? undefined,
    output_kinds: outputKinds(code),
    running: code.executionState === 'running',
    ...(outputs && room.take('outputs', outputs) ? { outputs } : {})
  };
}

/** Describe all cells; outputs of none, all, or the cells named. */
export function cellStates(notebook: YNotebook, outputs: Outputs): CellState[] {
  const named = typeof outputs === 'string' ? null : new Set(outputs);
  const room = new Room();
  return notebook.cells.map(cell =>
    cellState(cell, outputs === 'all' || (named?.has(cell.getId()) ?? false), room)
  );
}

interface YOutput {
  get(key: string): unknown;
}

/** Name what a cell has put out, without copying it: mime types, `stream`, `error`. */
function outputKinds(cell: YCodeCell): string[] {
  const kinds = new Set<string>();
  for (const output of cell.youtputs as Iterable<YOutput>) {
    const type = String(output.get('output_type'));
    if (type === 'stream' || type === 'error') {
      kinds.add(type);
    } else {
      Object.keys((output.get('data') as object | undefined) ?? {}).forEach(kind =>
        kinds.add(kind)
      );
    }
  }
  return [...kinds];
}

/** Counts the changes of a notebook, whoever makes them. */
export class RevisionCounter {
  /** Return the notebook's revision; counting begins when it is first asked for. */
  revision(notebook: YNotebook): number {
    const known = this.counts.get(notebook);
    if (known) {
      return known.value;
    }
    const count = { value: 1 };
    this.counts.set(notebook, count);
    const content = [notebook.ydoc.getArray('cells'), notebook.ydoc.getMap('meta')];
    notebook.ydoc.on(
      'afterTransaction',
      (transaction: { changedParentTypes: Map<object, unknown> }) => {
        if (content.some(type => transaction.changedParentTypes.has(type))) {
          count.value++;
        }
      }
    );
    return count.value;
  }

  private readonly counts = new WeakMap<YNotebook, { value: number }>();
}
