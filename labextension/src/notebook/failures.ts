// Errors of the bridge, with the codes of `jupyter_agent/protocol/errors.py`.
import { RpcFailure } from '../client/socket';
import type { JsonValue } from '../protocol/types';

export function staleCells(cells: Record<string, string | null>): RpcFailure {
  return new RpcFailure({
    code: 'STALE_CELL',
    message: 'Cells changed since they were read; nothing was applied.',
    retryable: true,
    details: { cells }
  });
}

export function unknownCell(id: string): RpcFailure {
  return failure('UNKNOWN_CELL', 'There is no such cell in the notebook any more.', true, { id });
}

export function editRefused(message: string): RpcFailure {
  return failure('EDIT_REFUSED', message, true);
}

export function cellInUse(id: string): RpcFailure {
  return failure(
    'EDIT_REFUSED',
    'The person is typing in a cell that this would move, retype or delete. Nothing was applied; ' +
      'try again later.',
    true,
    { id }
  );
}

export function notebookMissing(path: string): RpcFailure {
  return failure('NOTEBOOK_MISSING', `${path} is not open in this tab.`, false, { path });
}

export function notebookLoading(path: string): RpcFailure {
  return failure('notebook_error', `${path} is still being loaded in its tab. Try again.`, true);
}

export function tabGone(path: string): RpcFailure {
  return failure('TAB_GONE', `${path} was closed in this tab.`, true, { path });
}

export function readOnly(path: string): RpcFailure {
  return failure('NOTEBOOK_READ_ONLY', `${path} is read-only.`);
}

export function noKernel(message: string): RpcFailure {
  return failure('NO_KERNEL', message);
}

export function kernelStartFailed(message: string): RpcFailure {
  return failure('KERNEL_START_FAILED', message);
}

export function kernelBusy(message: string): RpcFailure {
  return failure('KERNEL_BUSY', message, true);
}

function failure(
  code: string,
  message: string,
  retryable = false,
  details?: Readonly<Record<string, JsonValue>>
): RpcFailure {
  return new RpcFailure({ code, message, retryable, ...(details ? { details } : {}) });
}
