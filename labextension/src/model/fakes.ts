// A server and a connection that only write down what they are asked, for the tests of the model.
import { Signal } from '@lumino/signaling';

import type { ConnectionState, RequestFrame, SessionWatcher } from '../client/socket';
import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import type {
  ErrorInfo,
  ModelInfo,
  ModelList,
  ServerStatus,
  SessionSummary,
  Transcript
} from '../protocol/types';
import type { AgentModel } from './agent';
import { DemoModel } from './demo';
import type { AgentConnection } from './server';

const STATUS: ServerStatus = {
  version: '1',
  default_model: 'anthropic/claude',
  default_mode: 'ask',
  modes: ['plan', 'ask', 'edits', 'auto'],
  open_panel: 'never',
  demo_prompt: 'demo',
  demo_explore_prompt: 'explore',
  looked_for: []
};

export function summary(id: string, notebook: string | null, updated: string): SessionSummary {
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

export class FakeConnection implements AgentConnection {
  state: ConnectionState = 'open';
  readonly welcome = {
    type: 'welcome' as const,
    client_id: 'c',
    nonce: 'nonce-1',
    version: '1',
    can_approve: true
  };
  readonly stateChanged = new Signal<this, ConnectionState>(this);
  readonly sessionsChanged = new Signal<this, void>(this);
  readonly refused = new Signal<this, void>(this);
  lost = false;
  readonly watchers = new Map<string, SessionWatcher>();
  readonly requests: RequestFrame[] = [];
  refuse: Error | null = null;

  connect(): void {}

  watch(id: string, watcher: SessionWatcher): () => void {
    this.watchers.set(id, watcher);
    return () => {
      if (this.watchers.get(id) === watcher) {
        this.watchers.delete(id);
      }
    };
  }

  async request(frame: RequestFrame): Promise<void> {
    this.requests.push(frame);
    if (this.refuse) {
      throw this.refuse;
    }
  }

  fail(id: string, error: ErrorInfo): void {
    this.watchers.get(id)?.failed(error);
  }

  show(id: string, transcript: Partial<Transcript>): void {
    this.watchers.get(id)?.snapshot({ ...EMPTY_TRANSCRIPT, ...transcript });
  }
}

export class FakeServer {
  list = [
    summary('old-a', 'a.ipynb', '2026-01-01T00:00:00Z'),
    summary('new-a', 'a.ipynb', '2026-01-02T00:00:00Z'),
    summary('b', 'b.ipynb', '2026-01-03T00:00:00Z')
  ];
  readonly created: object[] = [];
  /** What the next session waits for. */
  making: Promise<void> = Promise.resolve();
  ready: ModelInfo[] = [];
  problem: Error | null = null;

  async status(): Promise<ServerStatus> {
    if (this.problem) {
      throw this.problem;
    }
    return STATUS;
  }

  async models(live = false): Promise<ModelList> {
    return { models: this.ready, failures: [], live, dated: '2026-11-26' };
  }

  async sessions(): Promise<SessionSummary[]> {
    return this.list;
  }

  async createSession(session: { notebook_path?: string | null }): Promise<SessionSummary> {
    this.created.push(session);
    const made = summary(
      `made-${this.created.length}`,
      session.notebook_path ?? null,
      '2026-02-01'
    );
    await this.making;
    this.list = [made, ...this.list];
    return made;
  }

  async providers(): Promise<[]> {
    return [];
  }

  async deleteSession(id: string): Promise<void> {
    this.list = this.list.filter(one => one.id !== id);
  }
}

/** The demo, as if the server made and removed its folder, and the application opened it at once. */
export function fakeDemo(agent: AgentModel): DemoModel {
  return new DemoModel(
    agent,
    {
      demo: async () => ({ notebook: null }),
      makeDemo: async () => ({ notebook: 'jupyter-agent-demo/penguins.ipynb' }),
      removeDemo: async () => undefined
    },
    { open: async () => true, close: () => undefined }
  );
}
