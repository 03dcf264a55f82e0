// An approval that expires unseen: in another session, behind the list of sessions, or in a panel
// that is closed.
import { beforeEach, expect, it } from 'vitest';

import { AgentModel } from './agent';
import { unseen } from './attention';
import { FakeConnection, FakeServer } from './fakes';
import type { AgentServer } from './server';

let model: AgentModel;

const ids = (): string[] => unseen(model).map(one => one.id);

beforeEach(async () => {
  const server = new FakeServer();
  server.list = server.list.map(one => ({
    ...one,
    status: one.id === 'old-a' ? 'running' : 'waiting'
  }));
  model = new AgentModel(server as unknown as AgentServer, new FakeConnection());
  model.follow('a.ipynb');
  await model.load();
  model.view.visible = true;
});

it('is in the other sessions while the conversation is on the screen', () => {
  expect(model.session?.id).toBe('new-a');
  expect(ids()).toEqual(['b']);
});

it('is in the session shown too while something hides it', () => {
  model.view.show('providers');
  expect(ids()).toEqual(['b', 'new-a']);
  model.view.show('chat');
  model.view.visible = false;
  expect(ids()).toEqual(['b', 'new-a']);
});
