// A panel that is closed must not open again by itself, and one that was asked for must.
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal } from '@lumino/signaling';
import { beforeEach, expect, it } from 'vitest';

import type { AgentModel } from '../model/agent';
import type { ServerStatus } from '../protocol/types';
import { PanelMemory, opensAtStart } from './open-at-start';

let chosen: { user: boolean | undefined; composite: boolean };

beforeEach(() => {
  localStorage.clear();
  chosen = { user: undefined, composite: false };
});

function start(
  open_panel: ServerStatus['open_panel'],
  memory = new PanelMemory('/', true)
): Promise<boolean> {
  const model = { status: { open_panel }, phase: 'ready', changed: new Signal<object, void>({}) };
  const settings = { get: () => chosen } as unknown as ISettingRegistry.ISettings;
  return opensAtStart(model as unknown as AgentModel, Promise.resolve(settings), memory);
}

it('opens for somebody who has not chosen until it was on the screen once', async () => {
  // Opening it on a page that cannot show it (Notebook 7's list of files) does not count.
  expect(await start('first')).toBe(true);
  expect(await start('first')).toBe(true);
  new PanelMemory('/', true).note(true);
  expect(await start('first')).toBe(false);
  expect(await start('first', new PanelMemory('/user/other/', true))).toBe(true);
});

it('is as it was left where the application keeps no layout', async () => {
  const memory = new PanelMemory('/', false);
  memory.note(true);
  expect(await start('first', memory)).toBe(true);
  memory.note(false);
  expect(await start('first', memory)).toBe(false);
  expect(await start('never', memory)).toBe(false);
});

it('does what the person chose', async () => {
  chosen = { user: false, composite: false };
  expect(await start('first')).toBe(false);
  chosen = { user: true, composite: true };
  expect(await start('first')).toBe(true);
  expect(await start('first')).toBe(true);
  expect(await start('never')).toBe(true);
});

it('does what an administrator chose for those who have not', async () => {
  expect(await start('never')).toBe(false);
  chosen = { user: undefined, composite: true };
  expect(await start('never')).toBe(true);
  chosen = { user: false, composite: false };
  expect(await start('never')).toBe(false);
});

it('always opens where the server was started for it, as for the demo', async () => {
  new PanelMemory('/', true).note(true);
  chosen = { user: false, composite: false };
  expect(await start('always')).toBe(true);
});

it('waits for the server, and stays closed when there is none', async () => {
  const model = {
    status: null as ServerStatus | null,
    phase: 'loading',
    changed: new Signal<object, void>({})
  };
  const wanted = opensAtStart(
    model as unknown as AgentModel,
    Promise.resolve(null),
    new PanelMemory('/', true)
  );
  model.changed.emit();
  model.phase = 'missing';
  model.changed.emit();
  expect(await wanted).toBe(false);
});
