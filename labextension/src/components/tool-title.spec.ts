// A number on a card that leads to the wrong cell, or to none.
import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { CellRef, ToolState } from '../protocol/types';
import { builtinCards } from './cards';
import { dollars, shortCount } from './numbers';
import { cellLabel, shownTitle, titleParts, unnamedCells } from './tool-title';

const trans = nullTranslator.load('jupyter_agent');
const cell = (id: string, number: number, more: Partial<CellRef> = {}): CellRef => ({
  cell_id: id,
  action: 'ran',
  number,
  executed: true,
  ...more
});
const links = (title: string, cells: CellRef[]) =>
  titleParts(title, cells).map(part =>
    part.cell ? `${part.text}→${part.cell.cell_id}` : part.text
  );

describe('titles', () => {
  it('lead from numbers to the cells a tool touched', () => {
    expect(links('Ran [4] and [5]', [cell('a', 4), cell('b', 5)])).toEqual([
      'Ran ',
      '[4]→a',
      ' and ',
      '[5]→b'
    ]);
  });

  it('tell a count from a place', () => {
    const cells = [cell('ran', 2), cell('third', 2, { executed: false })];
    expect(links('Edited cell 2 and [2]', cells)).toEqual([
      'Edited ',
      'cell 2→third',
      ' and ',
      '[2]→ran'
    ]);
  });

  it('lead nowhere where there is no cell any more', () => {
    expect(links('Deleted [4], saw [9]', [cell('a', 4, { action: 'deleted' })])).toEqual([
      'Deleted [4], saw [9]'
    ]);
  });

  it('leave the other cells to be listed', () => {
    const cells = [cell('a', 1), cell('b', 2), cell('c', 3, { action: 'deleted' })];
    expect(unnamedCells('Ran [1]', cells).map(one => one.cell_id)).toEqual(['b']);
    expect(cells.map(one => cellLabel(one, trans))).toEqual(['[1]', '[2]', '[3]']);
    expect(cellLabel(cell('d', 4, { executed: false }), trans)).toBe('cell 4');
  });

  it('are in words before the server has said anything', () => {
    const tool = { title: 'edit_cells', tool_name: 'edit_cells' } as ToolState;
    expect(shownTitle(tool, 'Editing cells')).toBe('Editing cells');
    expect(shownTitle({ ...tool, title: 'Edited [7]' }, 'Editing cells')).toBe('Edited [7]');
    expect(shownTitle({ ...tool, title: '' }, undefined)).toBe('edit_cells');
  });
});

describe('cards', () => {
  it('exist for built-in tools, can be added, and not replaced unseen', () => {
    const cards = builtinCards();
    expect(cards.get('run_cells')?.label?.(trans)).toBe('Running cells');
    cards.add('my_tool', { label: () => 'Mine' });
    expect(cards.get('my_tool')?.label?.(trans)).toBe('Mine');
    expect(() => cards.add('my_tool', {})).toThrow('already');
  });
});

describe('numbers', () => {
  it.each([
    [999, '999'],
    [1000, '1k'],
    [8192, '8.2k'],
    [200_000, '200k'],
    [999_999, '1M'],
    [1_048_576, '1M']
  ])('%i → %s', (count, text) => expect(shortCount(count)).toBe(text));

  it.each([
    [0, '$0'],
    [0.00123, '$0.0012'],
    [0.04, '$0.04'],
    [12.345, '$12.35']
  ])('%d dollars → %s', (amount, text) => expect(dollars(amount)).toBe(text));
});
