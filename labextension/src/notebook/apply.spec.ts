// What people lost to other agents: their own typing, on Ctrl+Z; cells in the wrong order; edits
// over a cell they had just changed; outputs of cells nobody named.
import { YNotebook } from '@jupyter/ydoc';
import { beforeEach, describe, expect, it } from 'vitest';

import { RpcFailure } from '../client/socket';
import type { Change, Expected } from '../protocol/types';
import { applyChanges, lostAttachments } from './apply';
import { RevisionCounter, cellState, cellStates } from './state';

const STREAM = { output_type: 'stream', name: 'stdout', text: 'hello' };
const PLOT = {
  output_type: 'display_data',
  data: { 'image/png': 'AAAA', 'text/plain': '<Figure>' },
  metadata: {}
};

let notebook: YNotebook;

beforeEach(() => {
  notebook = YNotebook.create({
    disableDocumentWideUndoRedo: true,
    data: {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: [
        code('a', 'import pandas as pd'),
        code('b', 'df.head()', { execution_count: 3, outputs: [STREAM, PLOT] }),
        { id: 'c', cell_type: 'markdown', source: '# Title', metadata: { tags: ['keep'] } },
        code('d', 'df.mean()')
      ]
    } as never
  });
  notebook.undoManager.clear();
});

function code(id: string, source: string, more: object = {}): object {
  return {
    id,
    cell_type: 'code',
    source,
    metadata: { custom: id },
    outputs: [],
    execution_count: null,
    ...more
  };
}

describe('attachments', () => {
  const attachments = { 'a.png': { 'image/png': 'AAAA' } };

  it('stay with a cell that may hold them, unless others are given', () => {
    apply([{ type: 'insert', id: 'n', cell_type: 'markdown', source: '!', attachments }]);
    apply([{ type: 'set_type', id: 'n', cell_type: 'raw' }]);
    expect(cellState(cell('n'), true).attachments).toEqual(attachments);
    const others = { 'b.png': { 'image/png': 'BBBB' } };
    apply([
      { type: 'set_type', id: 'n', cell_type: 'markdown' },
      { type: 'set_type', id: 'n', cell_type: 'raw', attachments: others }
    ]);
    expect(cellState(cell('n'), true).attachments).toEqual(others);
  });

  it('are given to a cell that comes back, and told with outputs only', () => {
    apply([{ type: 'insert', id: 'n', cell_type: 'markdown', source: '!', attachments }]);
    expect(cellState(cell('n'), true).attachments).toEqual(attachments);
    expect(cellState(cell('n'), false).attachments).toBeUndefined();
  });

  it('are named when a cell becomes code and loses them', () => {
    apply([{ type: 'insert', id: 'n', cell_type: 'markdown', source: '!', attachments }]);
    const told = lostAttachments(notebook, [
      { type: 'set_type', id: 'n', cell_type: 'code' },
      { type: 'set_type', id: 'a', cell_type: 'code' }
    ]);
    expect(told).toEqual(['Cell n lost its attachments (a.png): a code cell cannot hold any.']);
  });

  it('come back with a cell that is Markdown again', () => {
    apply([{ type: 'set_type', id: 'a', cell_type: 'markdown', attachments }]);
    expect(cellState(cell('a'), true).attachments).toEqual(attachments);
  });
});

describe('outputs', () => {
  it('are left out beyond what one answer takes', () => {
    const text = 'x'.repeat(12_000_001);
    apply([]);
    (cell('b') as unknown as { setOutputs(outputs: object[]): void }).setOutputs([
      { ...STREAM, text }
    ]);
    const [, large] = cellStates(notebook, 'all');
    expect(large?.outputs).toBeUndefined();
    expect(large?.output_kinds).toEqual(['stream']);
  });
});

function apply(changes: Change[], expected: Expected[] = []): string[] {
  return applyChanges(notebook, changes, expected);
}

function cell(id: string) {
  const found = notebook.cells.find(one => one.getId() === id);
  if (!found) {
    throw new Error(`no cell ${id}`);
  }
  return found;
}

function order(): string {
  return notebook.cells.map(one => one.getId()).join('');
}

function failureOf(act: () => void): RpcFailure['info'] {
  try {
    act();
  } catch (error) {
    if (error instanceof RpcFailure) {
      return error.info;
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

/** As an editor does it: the cell is the origin. */
function type(id: string, at: number, text: string): void {
  cell(id).updateSource(at, at, text);
}

const set = (id: string, source: string, metadata?: object): Change =>
  ({ type: 'set_source', id, source, metadata }) as Change;
const insert = (id: string, after: string | null, source = id): Change => ({
  type: 'insert',
  id,
  after,
  source,
  cell_type: 'code'
});

describe('undo', () => {
  it('takes back the edit of the agent and not what was typed just before', () => {
    type('a', 0, '# mine\n');
    apply([set('a', '# mine\nimport polars as pl')]);
    cell('a').undo();
    expect(cell('a').getSource()).toBe('# mine\nimport pandas as pd');
    cell('a').undo();
    expect(cell('a').getSource()).toBe('import pandas as pd');
  });

  it('takes back what was typed just after and not the edit of the agent', () => {
    apply([set('a', 'import polars as pl')]);
    type('a', 0, 'x = 1\n');
    cell('a').undo();
    expect(cell('a').getSource()).toBe('import polars as pl');
  });

  it('takes source and provenance back in one step', () => {
    apply([set('a', 'x', { jupyter_agent: { turn: 1 } })]);
    expect(cell('a').getMetadata('jupyter_agent')).toEqual({ turn: 1 });
    cell('a').undo();
    expect(cell('a').getSource()).toBe('import pandas as pd');
    expect(cell('a').getMetadata('jupyter_agent')).toBeUndefined();
    expect(cell('a').getMetadata('custom')).toBe('a');
  });

  it('takes a batch of inserted and deleted cells back in one step', () => {
    apply([insert('x', 'a'), insert('y', 'x'), { type: 'delete', id: 'c' }]);
    expect(order()).toBe('axybd');
    notebook.undo();
    expect(order()).toBe('abcd');
  });
});

describe('order', () => {
  it('keeps a chain of insertions as written', () => {
    apply([insert('1', 'a'), insert('2', '1'), insert('3', '2')]);
    expect(order()).toBe('a123bcd');
  });

  it('inserts at the start, and after a cell that moves in the same batch', () => {
    apply([insert('1', null), { type: 'move', id: 'a', after: 'd' }, insert('2', 'a')]);
    expect(order()).toBe('1bcda2');
  });

  it('moves up and down, keeping source, outputs, count and metadata', () => {
    const before = cell('b').toJSON();
    apply([{ type: 'move', id: 'b', after: 'd' }]);
    expect(order()).toBe('acdb');
    expect(cell('b').toJSON()).toEqual(before);
    apply([{ type: 'move', id: 'b', after: null }]);
    expect(order()).toBe('bacd');
    expect(cell('b').toJSON()).toEqual(before);
  });

  it('edits, retypes and moves one cell in one batch', () => {
    apply([
      set('b', 'now text'),
      { type: 'set_type', id: 'b', cell_type: 'markdown' },
      { type: 'move', id: 'b', after: 'c' }
    ]);
    expect(order()).toBe('acbd');
    expect(cell('b').toJSON()).toMatchObject({ cell_type: 'markdown', source: 'now text' });
  });
});

describe('whole or not at all', () => {
  it.each<[string, Change[]]>([
    ['a cell that is not there', [set('a', 'x'), set('zz', 'y')]],
    ['an anchor that is not there', [set('a', 'x'), insert('n', 'zz')]],
    ['a cell deleted earlier in the batch', [{ type: 'delete', id: 'a' }, set('a', 'x')]],
    ['an anchor deleted earlier in the batch', [{ type: 'delete', id: 'a' }, insert('n', 'a')]]
  ])('refuses %s', (_, changes) => {
    const before = notebook.toJSON();
    expect(failureOf(() => apply(changes)).code).toBe('UNKNOWN_CELL');
    expect(notebook.toJSON()).toEqual(before);
  });

  it('names every cell the person changed meanwhile, with what it holds now', () => {
    type('a', 0, '# mine\n');
    const before = notebook.toJSON();
    const info = failureOf(() =>
      apply(
        [set('a', 'x'), set('d', 'y')],
        [
          { id: 'a', cell_type: 'code', source: 'import pandas as pd' },
          { id: 'd', cell_type: 'code', source: 'df.mean()' },
          { id: 'gone', cell_type: 'code', source: '' }
        ]
      )
    );
    expect(info.code).toBe('STALE_CELL');
    expect(info.details).toEqual({ cells: { a: '# mine\nimport pandas as pd', gone: null } });
    expect(notebook.toJSON()).toEqual(before);
  });

  it('refuses an edit of a cell whose type was changed', () => {
    const expected: Expected[] = [{ id: 'c', cell_type: 'code', source: '# Title' }];
    expect(failureOf(() => apply([set('c', 'x')], expected)).code).toBe('STALE_CELL');
  });

  it('refuses to insert a second cell of one id', () => {
    expect(failureOf(() => apply([insert('b', 'a')])).code).toBe('EDIT_REFUSED');
    expect(order()).toBe('abcd');
  });
});

describe('what nobody named', () => {
  it('stays as it was', () => {
    const others = ['a', 'b', 'c'].map(id => cell(id).toJSON());
    apply([set('d', 'df.median()'), insert('n', 'd')]);
    expect(['a', 'b', 'c'].map(id => cell(id).toJSON())).toEqual(others);
  });

  it('keeps outputs and count of a cell whose source changes', () => {
    apply([set('b', 'df.tail()')]);
    expect(cell('b').toJSON()).toMatchObject({ execution_count: 3, outputs: [STREAM, PLOT] });
  });

  it('removes the metadata keys that are null', () => {
    apply([set('a', 'x', { custom: null, fresh: 1 })]);
    expect(cell('a').getMetadata()).toEqual({ fresh: 1 });
  });

  it('clears outputs and count when asked', () => {
    apply([{ type: 'clear_outputs', id: 'b' }]);
    expect(cell('b').toJSON()).toMatchObject({ execution_count: null, outputs: [] });
  });

  it('does not call the outputs of inserted or retyped cells trusted', () => {
    apply([insert('n', 'a'), { type: 'set_type', id: 'c', cell_type: 'code' }]);
    expect(cell('n').getMetadata('trusted')).toBeUndefined();
    expect(cell('c').getMetadata()).toEqual({ tags: ['keep'] });
  });
});

describe('reading', () => {
  it('names outputs without sending them', () => {
    expect(cellState(cell('b'), false)).toMatchObject({
      id: 'b',
      execution_count: 3,
      output_kinds: ['stream', 'image/png', 'text/plain']
    });
    expect(cellState(cell('b'), false).outputs).toBeUndefined();
  });

  it('sends the outputs of the cells asked for', () => {
    const [a, b] = cellStates(notebook, ['b']);
    expect(a?.outputs).toBeUndefined();
    expect(b?.outputs).toEqual([STREAM, PLOT]);
  });

  it('counts every change of cells, and not the saving', () => {
    const counter = new RevisionCounter();
    const first = counter.revision(notebook);
    expect(counter.revision(notebook)).toBe(first);
    notebook.dirty = !notebook.dirty;
    expect(counter.revision(notebook)).toBe(first);
    type('a', 0, 'x');
    const second = counter.revision(notebook);
    expect(second).toBeGreaterThan(first);
    apply([{ type: 'delete', id: 'd' }]);
    expect(counter.revision(notebook)).toBeGreaterThan(second);
  });
});
