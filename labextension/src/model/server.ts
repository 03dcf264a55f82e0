// What the model needs of the server: the shapes of `client/`, so that tests can stand in.
import type { ISignal } from '@lumino/signaling';

import type { AgentApi } from '../client/rest';
import type { ConnectionState, RequestFrame, SessionWatcher } from '../client/socket';
import type { Welcome } from '../protocol/types';

export type AgentServer = Pick<AgentApi, keyof AgentApi>;

export interface AgentConnection {
  readonly state: ConnectionState;
  readonly welcome: Welcome | null;
  readonly stateChanged: ISignal<unknown, ConnectionState>;
  readonly sessionsChanged: ISignal<unknown, void>;
  connect(): void;
  watch(sessionId: string, watcher: SessionWatcher): () => void;
  request(frame: RequestFrame): Promise<void>;
}
