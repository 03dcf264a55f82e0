// A run that stands still for an hour because nobody was told that it asks.
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { beforeEach, expect, it } from 'vitest';

import { AgentModel } from '../model/agent';
import { FakeConnection, FakeServer } from '../model/fakes';
import type { AgentServer } from '../model/server';
import { attentionPlugin } from './attention';

let server: FakeServer;
let connection: FakeConnection;
let model: AgentModel;
let opened: number;

const told = (): string[] => Notification.manager.notifications.map(one => one.message);

beforeEach(async () => {
  Notification.manager.notifications.forEach(one => Notification.dismiss(one.id));
  server = new FakeServer();
  connection = new FakeConnection();
  model = new AgentModel(server as unknown as AgentServer, connection);
  model.follow('a.ipynb');
  await model.load();
  opened = 0;
  const panel = { open: () => opened++, focus: () => undefined, mention: () => undefined };
  await attentionPlugin.activate({} as JupyterFrontEnd, model, panel, null);
});

async function waiting(...ids: string[]): Promise<void> {
  server.list = server.list.map(one => ({
    ...one,
    status: ids.includes(one.id) ? 'waiting' : 'idle'
  }));
  connection.sessionsChanged.emit();
  await new Promise(resolve => setTimeout(resolve));
}

it('tells of a session that waits, and leads there', async () => {
  await waiting('b');
  expect(told()).toEqual(['The agent waits for you in “b”.']);
  model.view.show('sessions');
  Notification.manager.notifications[0]?.options.actions?.[0]?.callback({} as MouseEvent);
  expect([model.session?.id, model.view.shown, opened]).toEqual(['b', 'chat', 1]);
});

it('lies over no button of a panel that is open', async () => {
  model.view.visible = true;
  await waiting('b', 'new-a');
  expect(told()).toEqual([]);
  model.view.visible = false;
  expect(told()).toEqual(['The agent waits for you in 2 sessions.']);
  model.view.visible = true;
  expect(told()).toEqual([]);
});

it('tells once, of all, and anew only when one more waits', async () => {
  await waiting('b');
  await waiting('b', 'old-a');
  expect(told()).toEqual(['The agent waits for you in 2 sessions.']);
  await waiting('b');
  expect(told()).toEqual(['The agent waits for you in “b”.']);
  Notification.dismiss(Notification.manager.notifications[0]?.id);
  await waiting('b');
  expect(told()).toEqual([]);
  await waiting();
  await waiting('b');
  expect(told()).toEqual(['The agent waits for you in “b”.']);
});
