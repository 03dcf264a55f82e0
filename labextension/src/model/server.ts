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
  /** Whether a connection was lost or could not be made, and there is none since. */
  readonly lost: boolean;
  /** The server does not take the connection: the login may have ended. */
  readonly refused: ISignal<unknown, void>;
  connect(): void;
  watch(sessionId: string, watcher: SessionWatcher): () => void;
  request(frame: RequestFrame): Promise<void>;
}
