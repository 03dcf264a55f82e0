// A block that takes longer with each line that comes, a blank line that is lost between two pieces,
// and colours that end where a piece does.
import { expect, it } from 'vitest';

import { CodeLines } from './code-lines';

const lines = (count: number): string[] => Array.from({ length: count }, (_, at) => `line ${at}`);
const pieces = (host: HTMLElement): string[] =>
  [...host.children].map(piece => piece.textContent ?? '');

it('grows in its last piece alone', () => {
  const host = document.createElement('code');
  const shown = new CodeLines(host);
  shown.show(lines(70).join('\n'));
  const [first] = host.children;
  shown.show(`${lines(150).join('\n')}`);
  expect(host.children).toHaveLength(3);
  expect(host.children[0]).toBe(first);
  expect(pieces(host).join('\n')).toBe(lines(150).join('\n'));
  shown.show('another');
  expect(pieces(host)).toEqual(['another']);
});

it('takes the colours over, cut where the pieces are', async () => {
  const code = [...lines(58), 'text = """', '', 'still text"""', 'end'].join('\n');
  const host = document.createElement('code');
  const shown = new CodeLines(host);
  shown.show(code);
  const before = pieces(host);
  const made = document.createElement('code');
  const [head, tail] = code.split('"""\n\nstill text"""');
  made.innerHTML = `<span class="k">${head}</span><span class="s">"""\n\nstill text"""</span>${tail}`;
  await shown.paint(made);
  expect(pieces(host)).toEqual(before);
  expect([...host.querySelectorAll('.s')].map(one => one.textContent)).toEqual([
    '"""\n',
    'still text"""'
  ]);
});

it('leaves what no highlighter makes', async () => {
  const host = document.createElement('code');
  const shown = new CodeLines(host);
  shown.show('a');
  const made = document.createElement('code');
  made.innerHTML = '<b><i>a</i></b>';
  await shown.paint(made);
  expect(host.querySelector('b')).toBeNull();
});
