// Nothing that looks like a command reaches a model by mistake, and every other text does.
import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { CommandState } from './commands';
import { allCommands, readTyped } from './commands';
import { commandOffers } from './offers';

const trans = nullTranslator.load('jupyter_agent');
const STATE: CommandState = { running: false, hasCell: true, canUndo: false };
const commands = allCommands(trans, STATE);
const names = (state: Partial<CommandState>): string[] =>
  commandOffers('', allCommands(trans, { ...STATE, ...state })).map(one => one.key);

describe('a typed text', () => {
  it.each([
    ['hello', 'hello'],
    ['//fix it', '/fix it'],
    ['//', '/'],
    ['/home/me/data.csv is missing', '/home/me/data.csv is missing'],
    ['/etc/', '/etc/'],
    ['a /fix', 'a /fix'],
    ['', '']
  ])('%j is sent as %j', (text, sent) => {
    expect(readTyped(text, commands)).toEqual({ type: 'prompt', text: sent });
  });

  it.each([
    ['/plan  make\nit', 'plan', 'make\nit'],
    ['/FIX', 'fix', ''],
    ['/model a/b ', 'model', 'a/b']
  ])('%j is a command', (text, name, argument) => {
    expect(readTyped(text, commands)).toMatchObject({
      type: 'command',
      command: { name },
      argument
    });
  });

  it.each([
    ['/expalin x', 'explain'],
    ['/modle', 'mode'],
    ['/ver', 'verify'],
    ['/xyzzy', 'help'],
    ['/', 'help'],
    ['/stp', 'help']
  ])('%j is unknown; the nearest is %s', (text, nearest) => {
    expect(readTyped(text, commands)).toMatchObject({ type: 'unknown', nearest });
  });
});

describe('the list', () => {
  it('has what can be used now', () => {
    expect(names({})).toEqual([
      'new',
      'fix',
      'explain',
      'plan',
      'verify',
      'compact',
      'model',
      'mode',
      'cost',
      'help'
    ]);
    expect(names({ running: true })).toContain('stop');
    expect(names({ running: true })).not.toContain('compact');
    expect(names({ hasCell: false })).not.toContain('fix');
    expect(names({ canUndo: true })).toContain('undo');
  });

  it('runs a command that needs nothing, and goes on writing one that does', () => {
    const [plan] = commandOffers('pl', commands);
    expect(plan).toMatchObject({ text: '/plan ', runs: false });
    expect(commandOffers('HE', commands)).toMatchObject([{ text: '/help', runs: true }]);
  });
});
