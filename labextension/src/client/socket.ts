// The one WebSocket: connects, reconnects, attaches again where it left off, and repeats what was
// asked but not answered. Knows frames, not what they mean; `model/` does.
import { UUID } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type {
  ClientFrame,
  ErrorInfo,
  JsonValue,
  OpenNotebook,
  Rpc,
  ServerFrame,
  SessionEvent,
  Transcript,
  Welcome
} from '../protocol/types';
import { reconnectDelay } from './backoff';

/** What a watcher of a session is told. */
export interface SessionWatcher {
  snapshot(transcript: Transcript): void;
  events(events: readonly SessionEvent[]): void;
  failed(error: ErrorInfo): void;
}

/** A call of the server to this tab; returns the result, or throws an `RpcFailure`. */
export type RpcHandler = (
  call: Rpc,
  progress: (data: JsonValue) => void
) => Promise<JsonValue | null>;

/** A request that failed, with the server's own error. */
export class RequestFailed extends Error {
  constructor(readonly info: ErrorInfo) {
    super(info.message);
    this.name = 'RequestFailed';
  }
}

/** An error of an RPC, to be sent to the server as it is. */
export class RpcFailure extends Error {
  constructor(readonly info: ErrorInfo) {
    super(info.message);
    this.name = 'RpcFailure';
  }
}

/** A frame that is answered by `reply`, without its id. */
export type RequestFrame = WithoutId<Exclude<ClientFrame, { type: Unanswered }>>;
type Unanswered = 'detach' | 'notebooks' | 'rpc_result' | 'rpc_progress' | 'attach';
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

interface Pending {
  frame: ClientFrame & { id: string };
  resolve: () => void;
  reject: (error: RequestFailed) => void;
}

interface Watch {
  watcher: SessionWatcher;
  seq: number | null;
  attachId: string;
  attaching: boolean;
}

// Bound to the nonce of the socket they were made for: repeating them on another is refused.
const NOT_REPEATED = new Set<ClientFrame['type']>(['approve', 'answer']);
const LOST: ErrorInfo = {
  code: 'disconnected',
  message: 'The connection was lost before the answer came. Try again.',
  retryable: true
};

// Bytes of a frame beyond which the server closes the socket (`server/socket.py`).
const MAX_FRAME_BYTES = 20_000_000;
const TOO_LARGE: ErrorInfo = {
  code: 'too_large',
  message: 'This is too large to be sent at once. Leave something out, pictures first.',
  retryable: false
};
const ANSWER_TOO_LARGE = { ...TOO_LARGE, message: 'The tab’s answer is too large to be sent.' };
// How the server closes a socket whose login has ended.
const POLICY_VIOLATION = 1008;
// Attempts without a greeting from which on more than the network may be wrong.
const MANY_ATTEMPTS = 3;

export type ConnectionState = 'connecting' | 'open' | 'closed';

export class AgentSocket {
  constructor(private readonly options: { url: string; open?: (url: string) => WebSocket }) {
    window.addEventListener('online', this.retryNow);
    window.addEventListener('pagehide', this.suspend);
    window.addEventListener('pageshow', this.resume);
  }

  get state(): ConnectionState {
    return this._state;
  }

  /** The server's greeting on the present connection. */
  get welcome(): Welcome | null {
    return this._welcome;
  }

  get stateChanged(): ISignal<this, ConnectionState> {
    return this._stateChanged;
  }

  /** Whether a connection was lost or could not be made, and there is none since. */
  get lost(): boolean {
    return this._lost;
  }

  /** The server has ended the connection, or does not take one: the login may have ended. */
  get refused(): ISignal<this, void> {
    return this._refused;
  }

  /** The list of sessions changed, or may have while there was no connection. */
  get sessionsChanged(): ISignal<this, void> {
    return this._sessionsChanged;
  }

  /** Open the connection and keep it open. */
  connect(): void {
    if (this.socket || this.disposed || this.suspended) {
      return;
    }
    this.setState('connecting');
    const open = this.options.open ?? (url => new WebSocket(url));
    const socket = open(this.options.url);
    this.socket = socket;
    socket.onmessage = event => {
      if (socket === this.socket && typeof event.data === 'string') {
        this.receive(JSON.parse(event.data) as ServerFrame);
      }
    };
    socket.onclose = event => {
      if (socket === this.socket) {
        this.closed(event.code);
      }
    };
  }

  dispose(): void {
    this.disposed = true;
    window.removeEventListener('online', this.retryNow);
    window.removeEventListener('pagehide', this.suspend);
    window.removeEventListener('pageshow', this.resume);
    clearTimeout(this.timer);
    this.socket?.close(1000);
    this.socket = null;
    this.setState('closed');
    Signal.clearData(this);
  }

  /** Watch a session from its beginning; returns a function that ends it. */
  watch(sessionId: string, watcher: SessionWatcher): () => void {
    const watch: Watch = { watcher, seq: null, attachId: '', attaching: false };
    this.watches.set(sessionId, watch);
    this.attach(sessionId, watch);
    return () => {
      if (this.watches.get(sessionId) === watch) {
        this.watches.delete(sessionId);
        this.send({ type: 'detach', session_id: sessionId });
      }
    };
  }

  /** Ask for something; resolves when the server has done it. Survives a reconnect if it may. */
  request(frame: RequestFrame): Promise<void> {
    const whole = { ...frame, id: this.nextId() } as ClientFrame & { id: string };
    return new Promise((resolve, reject) => {
      if (isTooLarge(JSON.stringify(whole))) {
        // It would close every connection it is repeated on.
        reject(new RequestFailed(TOO_LARGE));
        return;
      }
      if (NOT_REPEATED.has(whole.type) && this._welcome === null) {
        reject(new RequestFailed(LOST));
        return;
      }
      this.pending.set(whole.id, { frame: whole, resolve, reject });
      this.send(whole);
    });
  }

  /** Tell which notebooks are open; told again after each reconnect. */
  setNotebooks(notebooks: readonly OpenNotebook[]): void {
    this.notebooks = notebooks;
    this.send({ type: 'notebooks', notebooks, page: this.page });
  }

  setRpcHandler(handler: RpcHandler): void {
    this.rpcHandler = handler;
  }

  private receive(frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        return this.greeted(frame);
      case 'reply':
        return this.answered(frame.id, frame.error);
      case 'snapshot': {
        const watch = this.watches.get(frame.session_id);
        if (watch) {
          watch.seq = frame.seq;
          watch.attaching = false;
          watch.watcher.snapshot(frame.transcript);
        }
        return undefined;
      }
      case 'events':
        return this.receiveEvents(frame.session_id, frame.seq, frame.events);
      case 'sessions_changed':
        return this._sessionsChanged.emit();
      case 'rpc':
        void this.answerCall(frame);
        return undefined;
      default:
        return undefined;
    }
  }

  private greeted(welcome: Welcome): void {
    this._welcome = welcome;
    this._lost = false;
    this.attempt = 0;
    if (this.notebooks.length > 0) {
      this.send({ type: 'notebooks', notebooks: this.notebooks, page: this.page });
    }
    for (const [sessionId, watch] of this.watches) {
      this.attach(sessionId, watch);
    }
    for (const { frame } of this.pending.values()) {
      this.send(frame);
    }
    this.setState('open');
    this._sessionsChanged.emit();
  }

  private attach(sessionId: string, watch: Watch): void {
    watch.attachId = this.nextId();
    watch.attaching = true;
    const after = watch.seq === null ? {} : { after: watch.seq };
    this.send({ type: 'attach', id: watch.attachId, session_id: sessionId, ...after });
  }

  private answered(id: string, error: ErrorInfo | null | undefined): void {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    for (const watch of this.watches.values()) {
      if (watch.attachId === id) {
        watch.attaching = false;
        if (error) {
          watch.watcher.failed(error);
        }
      }
    }
    if (error) {
      pending?.reject(new RequestFailed(error));
    } else {
      pending?.resolve();
    }
  }

  private receiveEvents(sessionId: string, seq: number, events: readonly SessionEvent[]): void {
    const watch = this.watches.get(sessionId);
    if (!watch) {
      return;
    }
    const next = watch.seq === null ? seq : watch.seq + 1;
    if (seq > next) {
      // Something is missing: ask for it rather than show a torn transcript.
      if (!watch.attaching) {
        this.attach(sessionId, watch);
      }
      return;
    }
    watch.attaching = false;
    const fresh = events.slice(next - seq);
    if (fresh.length > 0) {
      watch.seq = seq + events.length - 1;
      watch.watcher.events(fresh);
    }
  }

  private async answerCall(call: Rpc): Promise<void> {
    const socket = this.socket;
    const reply = (frame: ClientFrame): void => {
      // An answer for a connection that is gone is of no use: the server asks again.
      if (socket === this.socket) {
        this.send(frame);
      }
    };
    try {
      if (!this.rpcHandler) {
        throw new RpcFailure({
          code: 'NOTEBOOK_MISSING',
          message: 'No notebook here.',
          retryable: false
        });
      }
      const progress = (data: JsonValue): void =>
        reply({ type: 'rpc_progress', id: call.id, data });
      const result = await this.rpcHandler(call, progress);
      reply({ type: 'rpc_result', id: call.id, result });
    } catch (error) {
      const fallback = { code: 'error', message: String((error as Error)?.message ?? error) };
      const info = error instanceof RpcFailure ? error.info : { ...fallback, retryable: false };
      reply({ type: 'rpc_result', id: call.id, error: info });
    }
  }

  private closed(code: number): void {
    this.socket = null;
    this._welcome = null;
    this._lost = true;
    for (const [id, pending] of this.pending) {
      if (NOT_REPEATED.has(pending.frame.type)) {
        this.pending.delete(id);
        pending.reject(new RequestFailed(LOST));
      }
    }
    this.setState('closed');
    if (!this.disposed && !this.suspended) {
      this.timer = window.setTimeout(() => this.connect(), reconnectDelay(this.attempt++));
      if (code === POLICY_VIOLATION || this.attempt >= MANY_ATTEMPTS) {
        this._refused.emit();
      }
    }
  }

  private readonly retryNow = (): void => {
    clearTimeout(this.timer);
    this.connect();
  };

  /** A page that is left may be kept frozen, with its connection open: the server would wait for it. */
  private readonly suspend = (): void => {
    this.suspended = true;
    clearTimeout(this.timer);
    this.socket?.close();
  };

  private readonly resume = (): void => {
    this.suspended = false;
    this.connect();
  };

  private send(frame: ClientFrame): void {
    if (!this.socket || !this._welcome) {
      return;
    }
    const text = JSON.stringify(frame);
    if (frame.type === 'rpc_result' && isTooLarge(text)) {
      this.send({ type: 'rpc_result', id: frame.id, error: ANSWER_TOO_LARGE });
    } else {
      this.socket.send(text);
    }
  }

  private setState(state: ConnectionState): void {
    if (state !== this._state) {
      this._state = state;
      this._stateChanged.emit(state);
    }
  }

  private nextId(): string {
    return `f${++this.counter}`;
  }

  /** The same on every connection of this page: after a short loss, the server knows it again. */
  private readonly page = UUID.uuid4();
  private socket: WebSocket | null = null;
  private _welcome: Welcome | null = null;
  private _state: ConnectionState = 'closed';
  private _lost = false;
  private attempt = 0;
  private counter = 0;
  private disposed = false;
  private suspended = false;
  private timer = 0;
  private notebooks: readonly OpenNotebook[] = [];
  private rpcHandler: RpcHandler | null = null;
  private readonly watches = new Map<string, Watch>();
  private readonly pending = new Map<string, Pending>();
  private readonly _stateChanged = new Signal<this, ConnectionState>(this);
  private readonly _sessionsChanged = new Signal<this, void>(this);
  private readonly _refused = new Signal<this, void>(this);
}

function isTooLarge(text: string): boolean {
  // A character is three bytes at most.
  return (
    text.length * 3 > MAX_FRAME_BYTES && new TextEncoder().encode(text).length > MAX_FRAME_BYTES
  );
}
