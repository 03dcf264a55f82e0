// The session of another notebook, a second session for one question, a lost choice of model:
// what people would see of a model that follows badly.
import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it } from 'vitest';

import { ApiError } from '../client/rest';
import type { RequestFrame, SessionWatcher } from '../client/socket';
import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import type { ModelList, ServerStatus, SessionSummary, Transcript } from '../protocol/types';
import { AgentModel } from './agent';
import type { AgentConnection, AgentServer } from './server';
import { searchSessions } from './session-list';

const STATUS: ServerStatus = {
  version: '1',
  default_model: 'anthropic/claude',
  default_mode: 'ask',
  modes: ['plan', 'ask', 'edits', 'auto'],
  open_panel: 'never',
  demo_prompt: 'demo',
  looked_for: []
};

function summary(id: string, notebook: string | null, updated: string): SessionSummary {
  return {
    id,
    title: id,
    notebook_path: notebook,
    model: 'anthropic/claude',
    mode: 'ask',
    created_at: updated,
    updated_at: updated,
    status: 'idle',
    messages: 1
  };
}

class FakeConnection implements AgentConnection {
  readonly state = 'open' as const;
  readonly welcome = {
    type: 'welcome' as const,
    client_id: 'c',
    nonce: 'nonce-1',
    version: '1',
    can_approve: true
  };
  readonly stateChanged = new Signal<this, 'connecting' | 'open' | 'closed'>(this);
  readonly sessionsChanged = new Signal<this, void>(this);
  readonly watchers = new Map<string, SessionWatcher>();
  readonly requests: RequestFrame[] = [];
  refuse: Error | null = null;

  connect(): void {}

  watch(id: string, watcher: SessionWatcher): () => void {
    this.watchers.set(id, watcher);
    return () => this.watchers.delete(id);
  }

  async request(frame: RequestFrame): Promise<void> {
    this.requests.push(frame);
    if (this.refuse) {
      throw this.refuse;
    }
  }

  show(id: string, transcript: Partial<Transcript>): void {
    this.watchers.get(id)?.snapshot({ ...EMPTY_TRANSCRIPT, ...transcript });
  }
}

class FakeServer {
  list = [
    summary('old-a', 'a.ipynb', '2026-01-01T00:00:00Z'),
    summary('new-a', 'a.ipynb', '2026-01-02T00:00:00Z'),
    summary('b', 'b.ipynb', '2026-01-03T00:00:00Z')
  ];
  readonly created: object[] = [];
  problem: Error | null = null;

  async status(): Promise<ServerStatus> {
    if (this.problem) {
      throw this.problem;
    }
    return STATUS;
  }

  async models(live = false): Promise<ModelList> {
    return { models: [], failures: [], live, dated: '2026-11-26' };
  }

  async sessions(): Promise<SessionSummary[]> {
    return this.list;
  }

  async createSession(session: { notebook_path?: string | null }): Promise<SessionSummary> {
    this.created.push(session);
    return summary(`made-${this.created.length}`, session.notebook_path ?? null, '2026-02-01');
  }

  async deleteSession(id: string): Promise<void> {
    this.list = this.list.filter(one => one.id !== id);
  }
}

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

describe('searchSessions', () => {
  it('finds all words, in title or notebook', () => {
    const found = (query: string) => searchSessions(server.list, query).map(one => one.id);
    expect(found('a.ipynb old')).toEqual(['old-a']);
    expect(found('  ')).toHaveLength(3);
    expect(found('zzz')).toEqual([]);
  });
});
