// A run that goes on out of sight with its approvals and its Stop, a conversation lost with the old
// name of its notebook, the answer about one notebook in the session of another.
import { beforeEach, describe, expect, it } from 'vitest';

import { AgentModel } from './agent';
import { FakeConnection, FakeServer, summary } from './fakes';
import type { AgentServer } from './server';

let server: FakeServer;
let connection: FakeConnection;
let model: AgentModel;

beforeEach(async () => {
  server = new FakeServer();
  connection = new FakeConnection();
  model = new AgentModel(server as unknown as AgentServer, connection);
  model.follow('a.ipynb');
  await model.load();
});

/** Let what was started run to its end. */
async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve));
}

/** Another window, or the server, has changed the list. */
async function listIs(list: FakeServer['list']): Promise<void> {
  server.list = list;
  connection.sessionsChanged.emit();
  await settle();
}

describe('a session at work', () => {
  beforeEach(() => connection.show('new-a', { running: true }));

  it('stays when another notebook comes to the front, or none', () => {
    model.follow('b.ipynb');
    expect(model.session?.id).toBe('new-a');
    expect(model.place).toBe('a.ipynb');
    model.follow(null);
    expect(model.session?.id).toBe('new-a');
  });

  it('goes with the next notebook once it is done', () => {
    model.follow('b.ipynb');
    connection.show('new-a', { running: false });
    expect(model.session?.id).toBe('new-a');
    model.follow(null);
    model.follow('b.ipynb');
    expect(model.session?.id).toBe('b');
  });

  it('makes way for the notebook one asks for', () => {
    model.follow('b.ipynb');
    model.turnTo('b.ipynb');
    expect(model.session?.id).toBe('b');
    expect(model.place).toBe('b.ipynb');
  });
});

it('a session without a notebook stays in the one it makes', async () => {
  model.follow(null);
  const asked = model.prompt('make a notebook');
  await asked;
  connection.show('made-1', { running: true });
  connection.show('made-1', { running: true, notebook_path: 'new.ipynb' });
  model.follow('new.ipynb');
  expect(model.session?.id).toBe('made-1');
  expect(model.place).toBe('new.ipynb');
  connection.show('made-1', { running: false, notebook_path: 'new.ipynb' });
  await listIs(
    server.list.map(one => (one.id === 'made-1' ? { ...one, notebook_path: 'new.ipynb' } : one))
  );
  model.follow('b.ipynb');
  model.follow('new.ipynb');
  expect(model.session?.id).toBe('made-1');
  model.follow(null);
  expect(model.session).toBeNull();
});

it('a session that leads to a cell of another notebook stays, that once', () => {
  model.leadTo('b.ipynb');
  model.follow('b.ipynb');
  expect(model.session?.id).toBe('new-a');
  model.follow('a.ipynb');
  model.follow('b.ipynb');
  expect(model.session?.id).toBe('b');
});

it('a session chosen from the list is not that of the notebook in front', () => {
  model.show('b');
  expect(model.session?.id).toBe('b');
  expect(model.place).toBe('b.ipynb');
  model.follow('c.ipynb');
  model.follow('a.ipynb');
  expect(model.session?.id).toBe('new-a');
});

describe('a notebook with another path', () => {
  it('keeps its session, the one that was left there, and tells the server', async () => {
    model.show('old-a');
    const told = model.moveNotebook('a.ipynb', 'z.ipynb');
    model.follow('z.ipynb');
    expect(model.session?.id).toBe('old-a');
    expect(model.place).toBe('z.ipynb');
    model.follow('b.ipynb');
    model.follow('z.ipynb');
    expect(model.session?.id).toBe('old-a');
    expect(model.sessions.ofNotebook('z.ipynb')).toHaveLength(2);
    await told;
    expect(connection.requests).toEqual([
      { type: 'move_notebook', path: 'a.ipynb', to: 'z.ipynb' }
    ]);
  });

  it('keeps it also when its new path is seen first', () => {
    model.show('old-a');
    model.follow('z.ipynb');
    void model.moveNotebook('a.ipynb', 'z.ipynb');
    expect(model.session?.id).toBe('old-a');
  });

  it('keeps it when its folder has it', async () => {
    await listIs([summary('deep', 'data/x.ipynb', '2026'), ...server.list]);
    model.follow('data/x.ipynb');
    void model.moveNotebook('data', 'old/data');
    expect(model.session?.id).toBe('deep');
    expect([model.notebook, model.place]).toEqual(['old/data/x.ipynb', 'old/data/x.ipynb']);
  });
});

describe('a session that cannot be shown', () => {
  it('because it was deleted elsewhere makes way for the next one', async () => {
    await listIs(server.list.filter(one => one.id !== 'new-a'));
    expect(model.session?.id).toBe('old-a');
    expect([...connection.watchers.keys()]).toEqual(['old-a']);
  });

  it('is not thought deleted by a list that is older than itself', async () => {
    let answer = (): void => {};
    const before = server.list;
    server.sessions = () => new Promise(resolve => (answer = () => resolve(before)));
    connection.sessionsChanged.emit();
    model.startNew();
    await model.prompt('go');
    answer();
    await settle();
    expect(model.session?.id).toBe('made-1');
  });

  it('can be tried again, also by choosing it again', () => {
    const error = { code: 'store_unavailable', message: 'Locked.', retryable: true };
    connection.fail('new-a', error);
    expect(model.session?.error).toEqual(error);
    model.show('new-a');
    expect(model.session?.error).toBeNull();
    connection.fail('new-a', error);
    connection.show('new-a', { title: 'Back' });
    expect(model.session?.error).toBeNull();
    expect(model.session?.transcript.title).toBe('Back');
  });
});

describe('a session on its way', () => {
  let made: () => void;

  beforeEach(() => {
    server.making = new Promise(resolve => (made = resolve));
    model.startNew();
  });

  it('shows its prompts meanwhile, each in one place', async () => {
    const asked = model.prompt('one');
    expect(model.beginning.map(one => one.text)).toEqual(['one']);
    made();
    await asked;
    expect(model.beginning).toEqual([]);
    expect(model.session?.id).toBe('made-1');
  });

  it('belongs to the notebook it was begun at, whatever is in front then', async () => {
    const asked = model.prompt('about a');
    model.follow('b.ipynb');
    expect([model.session?.id, model.beginning]).toEqual(['b', []]);
    made();
    await asked;
    expect(server.created[0]).toMatchObject({ notebook_path: 'a.ipynb' });
    expect(connection.requests).toMatchObject([{ type: 'prompt', session_id: 'made-1' }]);
    expect(model.session?.id).toBe('b');
    expect([...connection.watchers.keys()]).toEqual(['b']);
    model.follow('a.ipynb');
    expect(model.session?.id).toBe('made-1');
  });

  it('is there again for who comes back before it is made', async () => {
    const asked = model.prompt('about a');
    model.follow('b.ipynb');
    model.follow('a.ipynb');
    expect(model.session).toBeNull();
    expect(model.beginning.map(one => one.text)).toEqual(['about a']);
    made();
    await asked;
    expect(model.session?.id).toBe('made-1');
  });

  it('that cannot be made leaves nothing behind', async () => {
    const asked = model.prompt('one');
    server.making = Promise.resolve();
    server.createSession = () => Promise.reject(new Error('no'));
    made();
    await asked;
    model.startNew();
    await expect(model.prompt('two')).rejects.toThrow('no');
    expect([model.session, model.beginning]).toEqual([null, []]);
  });
});
