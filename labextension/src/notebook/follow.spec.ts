// A notebook that scrolls under somebody's hands, or although they switched that off.
import type { NotebookPanel } from '@jupyterlab/notebook';
import { beforeEach, expect, it } from 'vitest';

import { CellFollower } from './follow';

let shown: number[];
let panel: NotebookPanel;
let input: HTMLInputElement;

beforeEach(() => {
  shown = [];
  const node = document.createElement('div');
  input = node.appendChild(document.createElement('input'));
  document.body.replaceChildren(node);
  const cell = (id: string): object => ({ model: { id }, node: document.createElement('div') });
  const scrollToItem = async (at: number): Promise<void> => void shown.push(at);
  panel = {
    isVisible: true,
    content: { node, widgets: [cell('a'), cell('b')], scrollToItem }
  } as unknown as NotebookPanel;
});

it('shows the cell the agent works on', async () => {
  await new CellFollower().follow(panel, 'b');
  expect(shown).toEqual([1]);
});

it('leaves the notebook alone where it is switched off, and while somebody works in it', async () => {
  const follower = new CellFollower();
  follower.on = false;
  await follower.follow(panel, 'b');
  follower.on = true;
  input.focus();
  await follower.follow(panel, 'b');
  expect(shown).toEqual([]);
});
