// Cells that run after Stop, or with code that nobody approved: the tab runs them, so it must look
// before each one.
import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { RunProgress, RunResult } from '../protocol/types';
import { runCells } from './run';

let sources: Record<string, string>;
let ran: string[];
let news: RunProgress[];
/** What happens while a cell runs; its value is whether the cell succeeded. */
let during: (id: string) => boolean;

beforeEach(() => {
  sources = { a: '1', b: '2', c: '3' };
  ran = [];
  news = [];
  during = () => true;
  vi.spyOn(NotebookActions, 'runCells').mockImplementation(async (_, cells) => {
    const id = cells[0]?.model.id ?? '';
    ran.push(`${id}: ${sources[id]}`);
    return during(id);
  });
});

afterEach(() => void vi.restoreAllMocks());

function panel(): NotebookPanel {
  const owner = {};
  const cells = Object.keys(sources).map(id => ({
    isDisposed: false,
    model: {
      id,
      type: 'code',
      executionCount: 1,
      sharedModel: { getId: () => id, getSource: () => sources[id], cell_type: 'code' }
    },
    outputArea: { future: null },
    setPrompt: () => undefined
  }));
  return {
    isDisposed: false,
    disposed: new Signal(owner),
    content: { mode: 'command', widgets: cells },
    model: { sharedModel: { cells: cells.map(cell => cell.model.sharedModel) } },
    context: {
      model: { readOnly: false },
      contentsModel: { writable: true },
      save: async () => {}
    },
    sessionContext: {
      ready: Promise.resolve(),
      hasNoKernel: false,
      pendingInput: false,
      session: {
        kernel: {
          info: Promise.resolve({}),
          requestKernelInfo: async () => ({}),
          anyMessage: new Signal(owner)
        }
      },
      statusChanged: new Signal(owner),
      kernelChanged: new Signal(owner)
    }
  } as unknown as NotebookPanel;
}

function run(
  stop = new AbortController(),
  stopOnError = false,
  notebook = panel()
): Promise<RunResult> {
  const params = {
    path: 'a.ipynb',
    cell_ids: Object.keys(sources),
    expect: Object.entries(sources).map(
      ([id, source]) => ({ id, cell_type: 'code', source }) as const
    ),
    stop_on_error: stopOnError
  };
  return runCells(
    notebook,
    params,
    { contents: {} as never },
    told => void news.push(told),
    stop.signal
  );
}

describe('running cells', () => {
  it('runs no further cell after Stop, also when errors do not stop it', async () => {
    const stop = new AbortController();
    during = () => {
      stop.abort();
      return false;
    };
    const { cells } = await run(stop);
    expect(ran).toEqual(['a: 1']);
    expect(cells.map(cell => cell.status)).toEqual(['error', 'not_run', 'not_run']);
    expect(news.filter(told => told.state === 'not_run').map(told => told.cell_id)).toEqual([
      'b',
      'c'
    ]);
  });

  it('does not run what the person has made of a cell meanwhile', async () => {
    during = () => {
      sources.b = '2 +';
      return true;
    };
    const { cells } = await run();
    expect(ran).toEqual(['a: 1', 'c: 3']);
    expect(cells.map(cell => cell.status)).toEqual(['ok', 'stale', 'ok']);
  });

  it('takes such a cell for a failure where one ends the run', async () => {
    during = () => {
      sources.b = '2 +';
      return true;
    };
    const { cells } = await run(new AbortController(), true);
    expect(ran).toEqual(['a: 1']);
    expect(cells.map(cell => cell.status)).toEqual(['ok', 'stale', 'not_run']);
  });

  it('tells of a kernel that is restarted, not of a cell that failed', async () => {
    const notebook = panel();
    during = () => {
      (notebook.sessionContext.statusChanged as Signal<unknown, string>).emit('restarting');
      return false;
    };
    const result = await run(new AbortController(), true, notebook);
    const restarted = 'the kernel was restarted, replaced or lost';
    expect(result.cells.map(cell => [cell.status, cell.reason])).toEqual([
      ['error', `${restarted} while it ran`],
      ['not_run', `${restarted} before`],
      ['not_run', `${restarted} before`]
    ]);
  });
});
