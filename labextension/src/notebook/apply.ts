// Carries a plan out on the shared notebook, within one JavaScript turn.
//
// Undo, as people expect it: a source is edited at its cell, so that Ctrl+Z in that cell takes the
// agent's edit back and nothing else; only structure is a step of the notebook's own undo. Typing
// just before or after belongs to other steps (`stopCapturing`).
import type {
  ISharedAttachmentsCell,
  ISharedCell,
  SharedCell,
  YCodeCell,
  YNotebook
} from '@jupyter/ydoc';

import type { Change, Expected } from '../protocol/types';
import type { Plan, PlannedCell } from './plan';
import { planChanges } from './plan';
import { sourceChange } from './source-change';

type CellJson = SharedCell.Cell;
type Undo = { stopCapturing(): void } | null | undefined;

/**
 * Apply changes, whole or not at all; returns the ids of the touched cells that exist after it.
 *
 * @param begin called with the plan before anything is changed.
 * @throws RpcFailure STALE_CELL, UNKNOWN_CELL or EDIT_REFUSED; then nothing was applied.
 */
export function applyChanges(
  notebook: YNotebook,
  changes: readonly Change[],
  expect: readonly Expected[],
  begin: (plan: Plan) => void = () => undefined
): string[] {
  const plan = planOf(notebook, changes, expect);
  begin(plan);
  const byId = new Map(notebook.cells.map(cell => [cell.getId(), cell]));
  for (const planned of plan.cells.values()) {
    const cell = byId.get(planned.id);
    if (cell && !planned.isNew) {
      changeCell(cell, planned);
    }
  }
  rearrange(notebook, plan, byId);
  return [...plan.cells.keys()];
}

/**
 * Plan changes without carrying them out.
 *
 * @throws RpcFailure STALE_CELL, UNKNOWN_CELL or EDIT_REFUSED.
 */
export function planOf(
  notebook: YNotebook,
  changes: readonly Change[],
  expect: readonly Expected[]
): Plan {
  const known = notebook.cells.map(cell => ({
    id: cell.getId(),
    cell_type: cell.cell_type as 'code' | 'markdown' | 'raw',
    source: cell.getSource()
  }));
  return planChanges(known, changes, expect);
}

/** What is said of cells that become code, which holds no attachments. */
export function lostAttachments(notebook: YNotebook, changes: readonly Change[]): string[] {
  return changes.flatMap(change => {
    const cell =
      change.type === 'set_type' && change.cell_type === 'code'
        ? notebook.cells.find(one => one.getId() === change.id)
        : undefined;
    const had = Object.keys((cell as ISharedAttachmentsCell | undefined)?.getAttachments?.() ?? {});
    return had.length > 0
      ? [`Cell ${cell?.id} lost its attachments (${had.join(', ')}): a code cell cannot hold any.`]
      : [];
  });
}

function changeCell(cell: ISharedCell, planned: PlannedCell): void {
  const change = sourceChange(cell.getSource(), planned.source);
  const metadata = Object.entries(planned.metadata);
  if (change || metadata.length > 0) {
    asOneStep(undoOf(cell), () =>
      cell.transact(() => {
        if (change) {
          cell.updateSource(change.start, change.end, change.text);
        }
        for (const [key, value] of metadata) {
          if (value === null) {
            cell.deleteMetadata(key);
          } else {
            cell.setMetadata(key, value as never);
          }
        }
      })
    );
  }
  if (planned.clear && cell.cell_type === 'code') {
    // As Lab's own "clear outputs": no step of undo.
    cell.transact(() => {
      (cell as YCodeCell).setOutputs([]);
      (cell as YCodeCell).execution_count = null;
    }, false);
  }
}

function rearrange(notebook: YNotebook, plan: Plan, byId: ReadonlyMap<string, ISharedCell>): void {
  const missing = plan.order.filter(id => plan.removed.has(id) || plan.cells.get(id)?.isNew);
  if (plan.removed.size === 0 && missing.length === 0) {
    return;
  }
  const json = new Map(missing.map(id => [id, cellJson(plan.cells.get(id), byId.get(id))]));
  const before = notebook.cells.map(cell => cell.getId());
  asOneStep(notebook.undoManager, () =>
    notebook.transact(() => {
      // `notebook.cells` is stale in here; positions come from the plan alone.
      for (let at = before.length - 1; at >= 0; at--) {
        if (plan.removed.has(before[at] as string)) {
          notebook.deleteCell(at);
        }
      }
      plan.order.forEach((id, at) => {
        const cell = json.get(id);
        if (cell) {
          notebook.insertCell(at, cell);
        }
      });
    })
  );
}

/** What to insert: a new cell, or one that leaves its place, with all it had. */
function cellJson(planned: PlannedCell | undefined, cell: ISharedCell | undefined): CellJson {
  const { id, source, cellType, metadata, attachments: given } = planned as PlannedCell;
  if (!cell) {
    const kept = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null));
    const attachments = given ? { attachments: given } : {};
    return { id, cell_type: cellType, source, metadata: kept, ...attachments } as CellJson;
  }
  const old = cell.toJSON() as CellJson & { attachments?: object };
  if (old.cell_type === cellType) {
    // Of another type in between, to bring attachments back that it had lost.
    return given ? ({ ...old, attachments: given } as CellJson) : old;
  }
  // `trusted` stands for outputs, which do not survive a change of type.
  const { trusted: _, ...kept } = old.metadata ?? {};
  const had = given ?? old.attachments;
  const attachments = cellType !== 'code' && had ? { attachments: had } : {};
  return { id, cell_type: cellType, source, metadata: kept, ...attachments } as CellJson;
}

function undoOf(cell: ISharedCell): Undo {
  return (cell as unknown as { undoManager: Undo }).undoManager;
}

function asOneStep(undo: Undo, act: () => void): void {
  undo?.stopCapturing();
  act();
  undo?.stopCapturing();
}
