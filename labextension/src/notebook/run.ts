// Runs cells as the person would, one after another, and tells which execute request each became.
import type { ISessionContextDialogs } from '@jupyterlab/apputils';
import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import type { ITranslator } from '@jupyterlab/translation';

import type { CellRun, RunParams, RunProgress, RunResult } from '../protocol/types';
import { kernelBusy, unknownCell } from './failures';
import type { CellFollower } from './follow';
import { kernelReady } from './kernel';
import { saveNotebook } from './saving';

/** What Lab's own run needs beside the notebook. */
export interface RunServices {
  /** Absent: nothing is followed. */
  readonly follower?: CellFollower;
  readonly dialogs?: ISessionContextDialogs;
  readonly translator?: ITranslator;
}

// Milliseconds.
const LOOK_AGAIN = 20;

const LOST = new Set(['dead', 'restarting', 'autorestarting', 'terminating']);

/**
 * Run cells and return how each ended; none is begun any more once `stopped` is aborted. Ends when
 * the kernel is lost, too: Lab's own promise may never settle then.
 */
export async function runCells(
  panel: NotebookPanel,
  params: RunParams,
  services: RunServices,
  report: (progress: RunProgress) => void,
  stopped: AbortSignal
): Promise<RunResult> {
  params.cell_ids.forEach(id => findCell(panel, id));
  await saveNotebook(panel);
  await kernelReady(panel);
  if (panel.sessionContext.pendingInput) {
    throw kernelBusy('The kernel waits for an answer to input() in the notebook.');
  }
  const kernel = watchKernel(panel);
  const cells: CellRun[] = [];
  try {
    let failed = false;
    for (const id of params.cell_ids) {
      if (failed || stopped.aborted || kernel.lost) {
        report({ cell_id: id, message_id: null, state: 'not_run' });
        cells.push({ cell_id: id, status: 'not_run' });
        continue;
      }
      const run = isAsExpected(panel, id, params)
        ? await runCell(panel, id, services, kernel, report)
        : ({ cell_id: id, status: 'stale' } as const);
      if (run.status === 'stale') {
        report({ cell_id: id, message_id: null, state: 'not_run' });
      }
      cells.push(run);
      failed = params.stop_on_error && (run.status === 'error' || run.status === 'stale');
    }
  } finally {
    kernel.dispose();
  }
  await saveNotebook(panel);
  return { cells };
}

/** Whether a cell is still what it was when its run was allowed; one that is gone is not run. */
function isAsExpected(panel: NotebookPanel, id: string, params: RunParams): boolean {
  const expected = params.expect?.find(cell => cell.id === id);
  const cell = panel.model?.sharedModel.cells.find(one => one.getId() === id);
  return (
    !expected ||
    !cell ||
    (cell.cell_type === expected.cell_type && cell.getSource() === expected.source)
  );
}

async function runCell(
  panel: NotebookPanel,
  id: string,
  services: RunServices,
  kernel: KernelWatch,
  report: (progress: RunProgress) => void
): Promise<CellRun> {
  const cell = panel.content.widgets.find(widget => widget.model.id === id);
  if (!cell || panel.sessionContext.pendingInput) {
    // Deleted by the person while earlier cells ran, or the kernel now asks for input.
    report({ cell_id: id, message_id: null, state: 'not_run' });
    return { cell_id: id, status: 'not_run' };
  }
  const future = requestOf(cell);
  const { content, sessionContext } = panel;
  const editing = content.mode === 'edit';
  let settled = false;
  const run = NotebookActions.runCells(
    content,
    [cell],
    sessionContext,
    services.dialogs,
    services.translator
  )
    .catch(() => false)
    .finally(() => (settled = true));
  if (editing) {
    // Running leaves edit mode; whoever is typing shall not notice.
    content.mode = 'edit';
  }
  const messageId = await sentAs(cell, future, () => settled || kernel.lost);
  report({ cell_id: id, message_id: messageId, state: messageId ? 'sent' : 'ended' });
  void services.follower?.follow(panel, id);
  const ok = await Promise.race([run, kernel.whenLost]);
  void services.follower?.follow(panel, id, true);
  const count = cell.isDisposed ? null : executionCount(cell);
  return {
    cell_id: id,
    status: ok ? 'ok' : 'error',
    execution_count: count,
    message_id: messageId
  };
}

function findCell(panel: NotebookPanel, id: string): void {
  if (!panel.model?.sharedModel.cells.some(cell => cell.getId() === id)) {
    throw unknownCell(id);
  }
}

/** The id of the execute request that came after `before`, once there is one; null if none came. */
async function sentAs(
  cell: Cell,
  before: string | null,
  over: () => boolean
): Promise<string | null> {
  for (;;) {
    const now = requestOf(cell);
    if (now !== null && now !== before) {
      return now;
    }
    if (over()) {
      return null;
    }
    await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN));
  }
}

function requestOf(cell: Cell): string | null {
  const area =
    cell.model.type === 'code' && !cell.isDisposed ? (cell as CodeCell).outputArea : null;
  return area?.future?.msg?.header.msg_id ?? null;
}

function executionCount(cell: Cell): number | null {
  return cell.model.type === 'code' ? (cell as CodeCell).model.executionCount : null;
}

interface KernelWatch {
  readonly lost: boolean;
  readonly whenLost: Promise<false>;
  dispose(): void;
}

function watchKernel(panel: NotebookPanel): KernelWatch {
  const { sessionContext } = panel;
  const watch = { lost: false, whenLost: Promise.resolve<false>(false), dispose: (): void => {} };
  watch.whenLost = new Promise(resolve => {
    const lose = (): void => {
      watch.lost = true;
      resolve(false);
    };
    const onStatus = (_: unknown, status: string): void => {
      if (LOST.has(status)) {
        lose();
      }
    };
    sessionContext.statusChanged.connect(onStatus);
    sessionContext.kernelChanged.connect(lose);
    panel.disposed.connect(lose);
    watch.dispose = () => {
      sessionContext.statusChanged.disconnect(onStatus);
      sessionContext.kernelChanged.disconnect(lose);
      panel.disposed.disconnect(lose);
    };
  });
  return watch;
}
