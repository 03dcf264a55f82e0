// The session of another notebook, a second session for one question, a lost choice of model:
// what people would see of a model that follows badly.
import { beforeEach, describe, expect, it } from 'vitest';

import { ApiError } from '../client/rest';
import type { ModelInfo } from '../protocol/types';
import { AgentModel } from './agent';
import { FakeConnection, FakeServer } from './fakes';
import type { AgentServer } from './server';
import { searchSessions } from './session-list';

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

describe('which session is shown', () => {
  it('is the latest of the notebook in front, also after a reload', () => {
    expect(model.session?.id).toBe('new-a');
  });

  it('changes with the notebook, and comes back to the one that was left', () => {
    model.show('old-a');
    model.follow('b.ipynb');
    expect(model.session?.id).toBe('b');
    model.follow('a.ipynb');
    expect(model.session?.id).toBe('old-a');
  });

  it('is none for a notebook without any, and none is made by looking', () => {
    model.follow('fresh.ipynb');
    expect(model.session).toBeNull();
    expect(server.created).toEqual([]);
  });

  it('stays new until the first prompt, also when the notebook was left meanwhile', () => {
    model.startNew();
    model.follow('b.ipynb');
    model.follow('a.ipynb');
    expect(model.session).toBeNull();
  });

  it('is the next one when it is deleted', async () => {
    await model.deleteSession('new-a');
    expect(model.session?.id).toBe('old-a');
  });

  it('is watched alone', () => {
    model.follow('b.ipynb');
    expect([...connection.watchers.keys()]).toEqual(['b']);
  });
});

describe('a prompt', () => {
  it('makes one session, however quickly the next one follows', async () => {
    model.startNew();
    await Promise.all([model.prompt('one'), model.prompt('two')]);
    expect(server.created).toHaveLength(1);
    expect(server.created[0]).toMatchObject({ notebook_path: 'a.ipynb', mode: 'ask' });
    const prompts = connection.requests.filter(frame => frame.type === 'prompt');
    expect(prompts.map(frame => frame.session_id)).toEqual(['made-1', 'made-1']);
    expect(new Set(prompts.map(frame => frame.op_id)).size).toBe(2);
  });

  it('takes along what was chosen before the session was there', async () => {
    model.startNew();
    await model.choose({ model: 'demo', mode: 'plan', effort: 'high' });
    await model.prompt('go');
    expect(server.created[0]).toMatchObject({ model: 'demo', mode: 'plan' });
    expect(connection.requests[0]).toMatchObject({ type: 'configure', effort: 'high' });
  });

  it('is shown until the server has it, and given back when it is refused', async () => {
    connection.refuse = new Error('no');
    const sent: number[] = [];
    model.session?.changed.connect(session => sent.push(session.sent.length));
    await expect(model.prompt('hello')).rejects.toThrow('no');
    expect(sent).toEqual([1, 0]);
  });
});

describe('choices', () => {
  it('are those of the session shown', () => {
    connection.show('new-a', { model: 'demo', mode: 'auto', effort: 'low' });
    expect(model.choice).toEqual({ model: 'demo', mode: 'auto', effort: 'low' });
  });

  it('are the defaults of the server for a new one', () => {
    model.startNew();
    expect(model.choice).toEqual({ model: 'anthropic/claude', mode: 'ask', effort: null });
  });
});

describe('the model of the next session', () => {
  it('is the one chosen last, without what that session may do unasked', async () => {
    connection.show('new-a', { model: 'anthropic/claude' });
    await model.choose({ model: 'x/y', mode: 'auto' });
    model.startNew();
    expect(model.choice).toMatchObject({ model: 'x/y', mode: 'ask' });
  });

  it('is not in auto because the one before was', async () => {
    model.startNew();
    await model.choose({ mode: 'auto' });
    await model.prompt('go');
    expect(server.created[0]).toMatchObject({ mode: 'auto' });
    model.startNew();
    expect(model.choice.mode).toBe('ask');
  });

  it('stays the demo only as long as there is no other', async () => {
    model.startNew();
    await model.choose({ model: 'demo' });
    await model.prompt('show me');
    model.startNew();
    expect(model.choice.model).toBe('demo');
    server.ready = [{ id: 'x/y', available: true } as ModelInfo];
    await model.setupChanged();
    expect(model.choice.model).toBe('anthropic/claude');
    await model.choose({ model: 'demo' });
    await model.prompt('show me again');
    expect(server.created[1]).toMatchObject({ model: 'demo' });
    model.startNew();
    expect(model.choice.model).toBe('anthropic/claude');
  });
});

describe('an approval', () => {
  it('is answered with its own fingerprint and the nonce of this connection', async () => {
    const approval = {
      type: 'approval_start' as const,
      approval_id: 'ap',
      call_id: 'c',
      tool_name: 'run_cells',
      title: 'Run [1]',
      permissions: ['exec' as const],
      arguments: {},
      preview: [],
      fingerprint: 'f00d',
      scopes: ['once' as const]
    };
    await model.session?.approve(approval, false, 'once', 'not now');
    expect(connection.requests).toEqual([
      {
        type: 'approve',
        session_id: 'new-a',
        approval_id: 'ap',
        fingerprint: 'f00d',
        nonce: 'nonce-1',
        allow: false,
        scope: 'once',
        reason: 'not now'
      }
    ]);
  });
});

describe('trouble', () => {
  it.each([
    [404, 'missing'],
    [403, 'forbidden'],
    [500, 'failed'],
    [0, 'failed']
  ])('%i is shown as %s, and can be tried again', async (status, phase) => {
    server.problem = new ApiError('words', status);
    await model.load();
    expect(model.phase).toBe(phase);
    expect(model.problem).toBe(server.problem);
    server.problem = null;
    await model.load();
    expect(model.phase).toBe('ready');
  });
});

describe('a login that has ended', () => {
  it('is told, and forgotten once the connection is back', async () => {
    server.problem = new ApiError('Forbidden', 403);
    connection.refused.emit();
    await new Promise(resolve => setTimeout(resolve));
    expect([model.phase, (model.problem as Error).message]).toEqual(['forbidden', 'Forbidden']);
    server.problem = null;
    connection.stateChanged.emit('open');
    await new Promise(resolve => setTimeout(resolve));
    expect(model.phase).toBe('ready');
    expect(model.session?.id).toBe('new-a');
  });

  it('is not what a server is told of that does not answer', async () => {
    server.problem = new ApiError('Failed to fetch', 0);
    connection.refused.emit();
    await new Promise(resolve => setTimeout(resolve));
    expect(model.phase).toBe('ready');
  });
});

describe('searchSessions', () => {
  it('finds all words, in title or notebook', () => {
    const found = (query: string) => searchSessions(server.list, query).map(one => one.id);
    expect(found('a.ipynb old')).toEqual(['old-a']);
    expect(found('  ')).toHaveLength(3);
    expect(found('zzz')).toEqual([]);
  });
});
