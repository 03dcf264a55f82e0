// A batch of changes, thought through before anything is touched: which cells end up where, with
// which source and type. Pure; `apply.ts` carries it out.
import type { CellState, CellType, Change, Expected, JsonValue } from '../protocol/types';
import { editRefused, staleCells, unknownCell } from './failures';
import { Room, sourceWithin } from './state';

type Metadata = Readonly<Record<string, JsonValue>>;

/** What a cell shall be. `rebuilt`: it leaves its place and a cell of the same id is inserted. */
export interface PlannedCell {
  readonly id: string;
  source: string;
  cellType: CellType;
  metadata: Metadata;
  /** Of a cell made anew; null: none are given. */
  attachments: Metadata | null;
  clear: boolean;
  isNew: boolean;
  rebuilt: boolean;
}

export interface Plan {
  /** Ids from top to bottom after the batch. */
  readonly order: readonly string[];
  /** Cells the batch names and that exist after it. */
  readonly cells: ReadonlyMap<string, PlannedCell>;
  /** Cells taken out of their place: deleted, moved, of another type now. */
  readonly removed: ReadonlySet<string>;
}

type Known = Pick<CellState, 'id' | 'cell_type' | 'source'>;

/**
 * Check a batch against the cells that are there, and plan it.
 *
 * @throws RpcFailure STALE_CELL, UNKNOWN_CELL or EDIT_REFUSED.
 */
export function planChanges(
  known: readonly Known[],
  changes: readonly Change[],
  expect: readonly Expected[]
): Plan {
  checkExpected(known, expect);
  const planner = new Planner(known);
  changes.forEach(change => planner.add(change));
  return planner.plan();
}

function checkExpected(known: readonly Known[], expect: readonly Expected[]): void {
  const byId = new Map(known.map(cell => [cell.id, cell]));
  const stale: Record<string, string | null> = {};
  const room = new Room();
  for (const expected of expect) {
    const cell = byId.get(expected.id);
    if (cell?.source !== expected.source || cell.cell_type !== expected.cell_type) {
      stale[expected.id] = cell ? sourceWithin(cell.source, room) : null;
    }
  }
  if (Object.keys(stale).length > 0) {
    throw staleCells(stale);
  }
}

class Planner {
  constructor(known: readonly Known[]) {
    this.known = new Map(known.map(cell => [cell.id, cell]));
    this.order = known.map(cell => cell.id);
  }

  add(change: Change): void {
    switch (change.type) {
      case 'insert':
        return this.insert(change);
      case 'set_source': {
        const cell = this.touch(change.id);
        cell.source = change.source;
        cell.metadata = { ...cell.metadata, ...change.metadata };
        return undefined;
      }
      case 'delete':
        this.touch(change.id);
        this.take(change.id);
        this.cells.delete(change.id);
        return undefined;
      case 'move':
        this.touch(change.id).rebuilt = true;
        return this.move(change.id, change.after);
      case 'set_type': {
        const cell = this.touch(change.id);
        cell.rebuilt ||= cell.cellType !== change.cell_type;
        cell.cellType = change.cell_type;
        cell.attachments = change.attachments ?? null;
        return undefined;
      }
      case 'clear_outputs':
        this.touch(change.id).clear = true;
        return undefined;
    }
  }

  plan(): Plan {
    const removed = [...this.known.keys()].filter(
      id => !this.order.includes(id) || this.cells.get(id)?.rebuilt
    );
    return { order: this.order, cells: this.cells, removed: new Set(removed) };
  }

  private insert(change: Extract<Change, { type: 'insert' }>): void {
    if (this.known.has(change.id) || this.cells.has(change.id)) {
      throw editRefused('A cell of this id exists already.');
    }
    this.place(change.id, change.after);
    this.cells.set(change.id, {
      id: change.id,
      source: change.source,
      cellType: change.cell_type,
      metadata: change.metadata ?? {},
      attachments: change.attachments ?? null,
      clear: false,
      isNew: true,
      rebuilt: false
    });
  }

  private move(id: string, after: string | null | undefined): void {
    if (after === id) {
      throw editRefused('A cell cannot stand after itself.');
    }
    this.take(id);
    this.place(id, after);
  }

  private place(id: string, after: string | null | undefined): void {
    const anchor = after == null ? -1 : this.order.indexOf(after);
    if (after != null && anchor < 0) {
      throw unknownCell(after);
    }
    this.order.splice(anchor + 1, 0, id);
  }

  private take(id: string): void {
    this.order.splice(this.order.indexOf(id), 1);
  }

  private touch(id: string): PlannedCell {
    const planned = this.cells.get(id);
    if (planned) {
      return planned;
    }
    const cell = this.known.get(id);
    if (!cell || !this.order.includes(id)) {
      throw unknownCell(id);
    }
    const fresh: PlannedCell = {
      id,
      source: cell.source,
      cellType: cell.cell_type,
      metadata: {},
      attachments: null,
      clear: false,
      isNew: false,
      rebuilt: false
    };
    this.cells.set(id, fresh);
    return fresh;
  }

  private readonly known: ReadonlyMap<string, Known>;
  private readonly order: string[];
  private readonly cells = new Map<string, PlannedCell>();
}
