// A code block whose end is lost, a list that starts anew at 1: what cutting wrongly looks like.
import { describe, expect, it } from 'vitest';

import { BlockSplitter } from './markdown-blocks';

const split = (text: string) =>
  new BlockSplitter()
    .update(text, true)
    .map(({ kind, text: body, language }) => (kind === 'code' ? `${language}: ${body}` : body));

const ANSWER = [
  '# Title',
  '',
  'First paragraph',
  'goes on.',
  '',
  '- one',
  '',
  '- two',
  '',
  '  still two',
  '',
  '  ```python',
  '  nested()',
  '',
  '  ```',
  '',
  'After the list.',
  '```python title="x"',
  'df.groupby("a")',
  '',
  '# comment, not a heading',
  '```',
  '$$',
  'a',
  '',
  'b',
  '$$',
  '',
  '| a | b |',
  '|---|---|',
  '| 1 | 2 |',
  '',
  'End.'
].join('\n');

describe('BlockSplitter', () => {
  it('cuts at paragraphs and fences, and nowhere else', () => {
    expect(split(ANSWER)).toEqual([
      '# Title',
      'First paragraph\ngoes on.',
      '- one\n\n- two\n\n  still two\n\n  ```python\n  nested()\n\n  ```',
      'After the list.',
      'python: df.groupby("a")\n\n# comment, not a heading',
      '$$\na\n\nb\n$$',
      '| a | b |\n|---|---|\n| 1 | 2 |',
      'End.'
    ]);
  });

  it('ends the same however the text arrives', () => {
    const whole = new BlockSplitter().update(ANSWER, true);
    for (const step of [1, 3, 7, 50]) {
      const splitter = new BlockSplitter();
      for (let end = step; end < ANSWER.length; end += step) {
        splitter.update(ANSWER.slice(0, end));
      }
      expect(splitter.update(ANSWER, true)).toEqual(whole);
    }
  });

  it('keeps closed blocks as they are while the text grows', () => {
    const splitter = new BlockSplitter();
    const before = splitter.update('One.\n\nTwo, and more');
    const after = splitter.update('One.\n\nTwo, and more.\n\nThree');
    expect(before.map(block => block.closed)).toEqual([true, false]);
    expect(after[0]).toBe(before[0]);
  });

  it('makes a table a block, which ends with the first letter after the empty line', () => {
    const table = '| a | b |\n|---|---|\n| 1 | 2 |';
    expect(split(`Two columns:\nmore words\n${table}`)).toEqual([
      'Two columns:\nmore words',
      table
    ]);
    expect(split(`> | a | b |\n> |---|---|\n> | 1 | 2 |`)).toHaveLength(1);
    expect(split('a | b | c\nd | e\n---|---')).toHaveLength(2);
    expect(split('a | b | c\n---|---')).toHaveLength(1);
    const growing = new BlockSplitter();
    expect(growing.update(`${table}\n\nT`).map(({ text, closed }) => [text, closed])).toEqual([
      [table, true],
      ['T', false]
    ]);
  });

  it('shows code before its fence is closed', () => {
    expect(new BlockSplitter().update('```python\nx = 1\ny')).toEqual([
      { kind: 'code', language: 'python', text: 'x = 1\ny', closed: false }
    ]);
  });

  it('does not show the closing fence as code', () => {
    expect(new BlockSplitter().update('```\nx\n```')[0]?.text).toBe('x');
  });

  it('takes a longer fence to hold a shorter one', () => {
    expect(split('````md\n```\nx\n```\n````\nend')).toEqual(['md: ```\nx\n```', 'end']);
  });

  it('takes dollars in code for code, and no formula to go on beyond a fence', () => {
    expect(split('Use `$$` in a shell.\n\nThen:\n```sh\necho $$\n```\nend')).toEqual([
      'Use `$$` in a shell.',
      'Then:',
      'sh: echo $$',
      'end'
    ]);
    expect(split('It costs $$ today.\n```sh\nls\n```\n\nOne.\n\nTwo.')).toEqual([
      'It costs $$ today.',
      'sh: ls',
      'One.',
      'Two.'
    ]);
    expect(split('``a ` $$``\n\n$$\nx\n\ny\n$$')).toEqual(['``a ` $$``', '$$\nx\n\ny\n$$']);
  });

  it('starts anew when the text is another one', () => {
    const splitter = new BlockSplitter();
    splitter.update('One.\n\nTwo.\n\nThree.');
    expect(splitter.update('Other.').map(block => block.text)).toEqual(['Other.']);
  });
});
