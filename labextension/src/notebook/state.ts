// What the server is told of a notebook: cells, revision, and outputs where asked for.
import type { ISharedCell, YCodeCell, YMarkdownCell, YNotebook } from '@jupyter/ydoc';

import type { CellState, JsonValue, ReadParams } from '../protocol/types';

type Outputs = ReadParams['outputs'];
type Output = Readonly<Record<string, JsonValue>>;

// Characters of outputs in one answer, well below the largest frame the server takes. Cells beyond
// come without theirs.
const MOST_OUTPUTS = 12_000_000;

/** Describe one cell. Without outputs it stays cheap, however large they are. */
export function cellState(cell: ISharedCell, withOutputs: boolean): CellState {
  const shared = {
    id: cell.getId(),
    cell_type: cell.cell_type as CellState['cell_type'],
    source: cell.getSource(),
    metadata: cell.getMetadata() as CellState['metadata']
  };
  if (cell.cell_type !== 'code') {
    const attachments = withOutputs
      ? ((cell as YMarkdownCell).getAttachments?.() as CellState['attachments'])
      : undefined;
    return {
      ...shared,
      output_kinds: [],
      running: false,
      ...(attachments ? { attachments } : {})
    };
  }
  const code = cell as YCodeCell;
  return {
    ...shared,
    execution_count: code.execution_count ?? undefined,
    output_kinds: outputKinds(code),
    running: code.executionState === 'running',
    ...(withOutputs ? { outputs: code.getOutputs() as unknown as Output[] } : {})
  };
}

/** Describe all cells; outputs of none, all, or the cells named. */
export function cellStates(notebook: YNotebook, outputs: Outputs): CellState[] {
  const named = typeof outputs === 'string' ? null : new Set(outputs);
  let room = MOST_OUTPUTS;
  return notebook.cells.map(cell => {
    const wanted = outputs === 'all' || (named?.has(cell.getId()) ?? false);
    const state = cellState(cell, wanted);
    const size = state.outputs?.length ? JSON.stringify(state.outputs).length : 0;
    if (size > room) {
      return cellState(cell, false);
    }
    room -= size;
    return state;
  });
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
