// Runs cells as the person would, one after another, and tells which execute request each became.
import type { ISessionContextDialogs } from '@jupyterlab/apputils';
import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { ITranslator } from '@jupyterlab/translation';

import type { CellRun, RunParams, RunProgress, RunResult } from '../protocol/types';
import { kernelBusy, tabGone, unknownCell } from './failures';
import type { CellFollower } from './follow';
import { showCells } from './headings';
import { kernelReady } from './kernel';
import type { KernelWatch } from './kernel-watch';
import { untilFree, watchInput, watchKernel } from './kernel-watch';
import { saveNotebook } from './saving';

/** What Lab's own run needs beside the notebook. */
export interface RunServices {
  /** Absent: nothing is followed. */
  readonly follower?: CellFollower;
  readonly contents: Contents.IManager;
  readonly dialogs?: ISessionContextDialogs;
  readonly translator?: ITranslator;
}

// Milliseconds.
const LOOK_AGAIN = 20;

const CELL_FAILED = 'a cell before it failed';
const KERNEL_LOST = 'the kernel was restarted, replaced or lost';

/**
 * Run cells and return how each ended; none is begun any more once `stopped` is aborted. Ends when
 * the kernel is lost, too: Lab's own promise may never settle then.
 *
 * @throws RpcFailure TAB_GONE when the notebook is closed meanwhile: the server finishes the run.
 */
export async function runCells(
  panel: NotebookPanel,
  params: RunParams,
  services: RunServices,
  report: (progress: RunProgress) => void,
  stopped: AbortSignal
): Promise<RunResult> {
  params.cell_ids.forEach(id => findCell(panel, id));
  await saveNotebook(panel, services.contents);
  await kernelReady(panel);
  if (panel.sessionContext.pendingInput) {
    throw kernelBusy('The kernel waits for an answer to input() in the notebook.');
  }
  const kernel = watchKernel(panel);
  const cells: CellRun[] = [];
  try {
    let failed = false;
    for (const id of params.cell_ids) {
      if (!failed && !stopped.aborted && !kernel.lost) {
        await turnOf(panel, id, kernel, stopped);
      }
      if (panel.isDisposed) {
        throw tabGone(params.path);
      }
      // A kernel that is restarted interrupts its cell first: that cell did not fail by itself.
      const obstacle =
        failed && !kernel.lost ? CELL_FAILED : obstacleTo(panel, id, kernel, stopped);
      if (obstacle) {
        cells.push(notRun(id, obstacle, report));
        continue;
      }
      const run = isAsExpected(panel, id, params)
        ? await runCell(panel, id, services, kernel, report)
        : notRun(id, 'it was changed before its turn', report, 'stale');
      if (panel.isDisposed) {
        throw tabGone(params.path);
      }
      if (run.status === 'error') {
        showCells(panel, new Set([id]));
      }
      cells.push(run);
      failed = params.stop_on_error && (run.status === 'error' || run.status === 'stale');
    }
  } finally {
    kernel.dispose();
  }
  await saveNotebook(panel, services.contents);
  return { cells };
}

/** Say what keeps a cell from being run; null: nothing. */
function obstacleTo(
  panel: NotebookPanel,
  id: string,
  kernel: KernelWatch,
  stopped: AbortSignal
): string | null {
  if (stopped.aborted) {
    return 'the run was stopped before';
  }
  if (kernel.lost) {
    return `${KERNEL_LOST} before`;
  }
  if (!widgetOf(panel, id)) {
    return 'it was deleted before its turn';
  }
  return panel.sessionContext.pendingInput ? 'the kernel waits for an answer to input()' : null;
}

/** Wait until it is a cell's turn in the kernel; until then it looks queued, and can be held back. */
async function turnOf(
  panel: NotebookPanel,
  id: string,
  kernel: KernelWatch,
  stopped: AbortSignal
): Promise<void> {
  const cell = widgetOf(panel, id);
  const code = cell?.model.type === 'code' ? (cell as CodeCell) : undefined;
  await untilFree(panel, kernel, stopped, () => code?.setPrompt('*'));
  if (code && !code.isDisposed) {
    code.setPrompt(`${code.model.executionCount ?? ''}`);
  }
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
  const cell = widgetOf(panel, id) as Cell;
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
  const input = watchInput(panel, id, messageId, progress => {
    report(progress);
    showCells(panel, new Set([id]));
    void services.follower?.follow(panel, id, true);
  });
  const ok = await Promise.race([run, kernel.whenLost]).finally(input);
  void services.follower?.follow(panel, id, true);
  const count = cell.isDisposed ? null : executionCount(cell);
  // Whoever runs cells here may send it later.
  const unknown = !settled && messageId === null;
  return {
    cell_id: id,
    status: unknown ? 'unknown' : ok ? 'ok' : 'error',
    reason: unknown
      ? 'the kernel was lost while it was being sent'
      : !ok && kernel.lost
        ? `${KERNEL_LOST} while it ran`
        : null,
    execution_count: count,
    message_id: messageId,
    // Moved or read anew from disk while it ran: what it put out since then is not in the cell.
    detached: cell.isDisposed && widgetOf(panel, id) !== undefined
  };
}

function notRun(
  id: string,
  reason: string,
  report: (progress: RunProgress) => void,
  status: 'not_run' | 'stale' = 'not_run'
): CellRun {
  report({ cell_id: id, message_id: null, state: 'not_run' });
  return { cell_id: id, status, reason, detached: false };
}

function widgetOf(panel: NotebookPanel, id: string): Cell | undefined {
  return panel.isDisposed
    ? undefined
    : panel.content.widgets.find(widget => widget.model.id === id);
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
