// A cell run twice after a reconnect, an edit reported that never happened, a call for a notebook
// that is not here: the server trusts this tab to get these right.
import type { YCodeCell } from '@jupyter/ydoc';
import { YNotebook } from '@jupyter/ydoc';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { beforeEach, describe, expect, it } from 'vitest';

import { RpcFailure } from '../client/socket';
import type { ApplyResult, JsonValue, NotebookState, Rpc } from '../protocol/types';
import { NotebookBridge } from './bridge';

let notebook: YNotebook;
let saves: number;
let writable: boolean;
let missing: boolean;
let opened: string[];
let bridge: NotebookBridge;
let count: number;

beforeEach(() => {
  saves = count = 0;
  writable = true;
  missing = false;
  opened = [];
  notebook = YNotebook.create({
    disableDocumentWideUndoRedo: true,
    data: {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: { kernelspec: { name: 'python3', display_name: 'Python', language: 'Python' } },
      cells: [
        { id: 'a', cell_type: 'code', source: 'x', metadata: {}, outputs: [], execution_count: 1 }
      ]
    } as never
  });
  const panel = {
    isDisposed: false,
    content: { widgets: [] },
    sessionContext: { session: { kernel: { id: 'k1', name: 'python3' } }, kernelPreference: {} },
    context: {
      localPath: 'a.ipynb',
      isReady: true,
      ready: Promise.resolve(),
      get contentsModel() {
        return { writable };
      },
      model: {
        readOnly: false,
        sharedModel: notebook,
        getMetadata: (key: string) => notebook.getMetadata(key)
      },
      save: async () => void saves++
    }
  };
  bridge = new NotebookBridge({
    tracker: {
      find: (test: (one: object) => boolean) => [panel].find(test)
    } as unknown as INotebookTracker,
    documents: {
      services: {
        contents: {
          get: async () => {
            if (missing) {
              throw new Error('404');
            }
          }
        }
      },
      openOrReveal: (path: string) => void opened.push(path)
    } as unknown as IDocumentManager
  });
});

function call(method: string, params: object, opId?: string): Promise<JsonValue | null> {
  const rpc: Rpc = {
    type: 'rpc',
    id: `r${++count}`,
    op_id: opId ?? `op${count}`,
    method: `notebook.${method}`,
    params: params as JsonValue,
    deadline: 10
  };
  return bridge.handle(rpc, () => undefined);
}

async function code(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => null,
    (reason: unknown) => reason
  );
  return error instanceof RpcFailure ? error.info.code : `not refused: ${String(error)}`;
}

const insert = (id: string) => ({
  path: 'a.ipynb',
  changes: [{ type: 'insert', id, cell_type: 'code', source: id, after: 'a' }],
  expect: []
});
const cells = (): string[] => notebook.cells.map(cell => cell.getId());

describe('the bridge', () => {
  it('reads cells, kernel and language', async () => {
    const state = (await call('read', { path: 'a.ipynb', outputs: 'none' })) as unknown;
    expect(state as NotebookState).toMatchObject({
      path: 'a.ipynb',
      kernel_id: 'k1',
      kernel_name: 'python3',
      language: 'python',
      read_only: false,
      cells: [{ id: 'a', source: 'x', execution_count: 1 }]
    });
  });

  it('applies, reads back, and saves', async () => {
    const result = (await call('apply', insert('b'))) as unknown as ApplyResult;
    expect(result).toMatchObject({ order: ['a', 'b'], saved: true, cells: [{ id: 'b' }] });
    expect(result.revision).toBeGreaterThan(1);
    expect(saves).toBe(1);
  });

  it('acts once for one operation, also when both calls come at once', async () => {
    const [first, second] = await Promise.all([
      call('apply', insert('b'), 'same'),
      call('apply', insert('b'), 'same')
    ]);
    expect(second).toEqual(first);
    expect(await call('apply', insert('b'), 'same')).toEqual(first);
    expect(cells()).toEqual(['a', 'b']);
  });

  it('takes an edit and outputs of one operation for two things', async () => {
    await call('apply', insert('b'), 'same');
    const outputs = { path: 'a.ipynb', cell_id: 'b', outputs: [], execution_count: 7 };
    expect(await call('set_outputs', outputs, 'same')).toEqual({});
    expect((notebook.cells[1] as YCodeCell).execution_count).toBe(7);
  });

  it('lets a refused operation be tried again', async () => {
    const batch = insert('b');
    const stale = { ...batch, expect: [{ id: 'a', cell_type: 'code', source: 'other' }] };
    expect(await code(call('apply', stale, 'same'))).toBe('STALE_CELL');
    expect(cells()).toEqual(['a']);
    await call('apply', batch, 'same');
    expect(cells()).toEqual(['a', 'b']);
  });

  it('puts outputs where they belong, lines joined as they were printed', async () => {
    const stream = { output_type: 'stream', name: 'stdout', text: ['one\n', 'two\n'] };
    await call('set_outputs', {
      path: 'a.ipynb',
      cell_id: 'a',
      outputs: [stream],
      execution_count: 4
    });
    expect(notebook.cells[0]?.toJSON()).toMatchObject({
      execution_count: 4,
      outputs: [{ text: 'one\ntwo\n' }]
    });
  });

  it('says what is not here', async () => {
    expect(await code(call('read', { path: 'b.ipynb', outputs: 'none' }))).toBe('NOTEBOOK_MISSING');
    const nowhere = { path: 'a.ipynb', cell_id: 'z', outputs: [] };
    expect(await code(call('set_outputs', nowhere))).toBe('UNKNOWN_CELL');
    expect(await code(call('dance', { path: 'a.ipynb' }))).toBe('bad_frame');
  });

  it('is asked to stop a run that is over, or was never here', async () => {
    expect(await call('stop_run', { path: 'a.ipynb', op_id: 'gone' })).toEqual({});
  });

  it('does not touch what may not be written', async () => {
    writable = false;
    expect(await code(call('apply', insert('b')))).toBe('NOTEBOOK_READ_ONLY');
    expect(cells()).toEqual(['a']);
  });

  it('opens a notebook that exists, and says when it does not', async () => {
    await call('open', { path: 'b.ipynb' });
    expect(opened).toEqual(['b.ipynb']);
    missing = true;
    expect(await code(call('open', { path: 'c.ipynb' }))).toBe('NOTEBOOK_MISSING');
    expect(opened).toEqual(['b.ipynb']);
  });
});
