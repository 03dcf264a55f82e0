// What a person sees of a bad socket: words doubled or missing after the laptop slept, a prompt
// sent twice or never, an answer to an approval that ends up nowhere.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { ClientFrame, ServerFrame, SessionEvent, Transcript } from '../protocol/types';
import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import { reconnectDelay } from './backoff';
import { AgentSocket, RequestFailed, RpcFailure } from './socket';

class FakeWebSocket {
  static all: FakeWebSocket[] = [];

  readonly sent: ClientFrame[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly url: string) {
    FakeWebSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientFrame);
  }

  close(code = 1006): void {
    this.onclose?.({ code });
  }

  say(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  welcome(nonce = 'n'): void {
    this.say({ type: 'welcome', client_id: 'c', nonce, version: '1', can_approve: true });
  }

  ofType<T extends ClientFrame['type']>(type: T): Extract<ClientFrame, { type: T }>[] {
    return this.sent.filter(frame => frame.type === type) as Extract<ClientFrame, { type: T }>[];
  }
}

let socket: AgentSocket;

beforeEach(() => {
  vi.useFakeTimers();
  FakeWebSocket.all = [];
  socket = new AgentSocket({
    url: 'ws://localhost/jupyter-agent/api/socket',
    open: url => new FakeWebSocket(url) as unknown as WebSocket
  });
});

afterEach(() => {
  socket.dispose();
  vi.useRealTimers();
});

function latest(): FakeWebSocket {
  return FakeWebSocket.all.at(-1) as FakeWebSocket;
}

/** Lose the connection, and let the next one be made. */
function reconnect(): FakeWebSocket {
  latest().close();
  vi.advanceTimersByTime(60_000);
  return latest();
}

const word = (text: string): SessionEvent => ({ type: 'text_delta', message_id: 'm', text });

function watched() {
  const seen: string[] = [];
  const transcripts: Transcript[] = [];
  const failed: string[] = [];
  const stop = socket.watch('s', {
    snapshot: transcript => void transcripts.push(transcript),
    events: events =>
      events.forEach(event => event.type === 'text_delta' && void seen.push(event.text)),
    failed: error => void failed.push(error.code)
  });
  return { seen, transcripts, failed, stop };
}

const prompt = {
  type: 'prompt' as const,
  op_id: 'op',
  session_id: 's',
  text: 'hello',
  images: [],
  mentions: [],
  delivery: 'steer' as const
};

describe('the connection', () => {
  it('carries no token in its address', () => {
    socket.connect();
    expect(latest().url).not.toContain('token');
  });

  it('says nothing before it was greeted', () => {
    watched();
    socket.connect();
    expect(latest().sent).toEqual([]);
    latest().welcome();
    expect(latest().ofType('attach')).toHaveLength(1);
  });

  it('comes back by itself, and at once when the network does', () => {
    socket.connect();
    latest().welcome();
    latest().close();
    expect(socket.state).toBe('closed');
    window.dispatchEvent(new Event('online'));
    expect(FakeWebSocket.all).toHaveLength(2);
    latest().welcome();
    expect(socket.state).toBe('open');
  });

  it('is lost only once it was tried or there: a start is no loss', () => {
    expect(socket.lost).toBe(false);
    socket.connect();
    expect(socket.lost).toBe(false);
    latest().welcome();
    latest().close();
    expect(socket.lost).toBe(true);
    window.dispatchEvent(new Event('online'));
    expect(socket.lost).toBe(true);
    latest().welcome();
    expect(socket.lost).toBe(false);
  });

  it('says when the server ends it, or takes none after some attempts, and goes on trying', () => {
    let refused = 0;
    socket.refused.connect(() => refused++);
    socket.connect();
    latest().welcome();
    latest().close(1008);
    expect(refused).toBe(1);
    vi.advanceTimersByTime(60_000);
    latest().welcome();
    reconnect();
    reconnect();
    expect(refused).toBe(1);
    reconnect();
    expect(refused).toBe(2);
    latest().welcome();
    expect(socket.state).toBe('open');
  });

  it('waits longer and longer, but not for ever, and not in step with others', () => {
    const delays = [0, 1, 2, 3, 20].map(attempt => reconnectDelay(attempt, () => 1));
    expect(delays).toEqual([500, 1000, 2000, 4000, 15_000]);
    expect(reconnectDelay(5, () => 0)).toBe(7500);
  });

  it('tells again which notebooks are open', () => {
    const notebooks = [{ path: 'a.ipynb', focused_at: 5 }];
    socket.setNotebooks(notebooks);
    socket.connect();
    latest().welcome();
    const [told] = latest().ofType('notebooks');
    expect(told).toMatchObject({ type: 'notebooks', notebooks });
    reconnect().welcome();
    // The server takes the page for the one it lost.
    expect(latest().ofType('notebooks')).toEqual([told]);
  });

  it('is quiet after it was disposed', () => {
    socket.connect();
    socket.dispose();
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.all).toHaveLength(1);
  });
});

describe('a watched session', () => {
  it('goes on after the last event it has seen', () => {
    const { seen } = watched();
    socket.connect();
    latest().welcome();
    latest().say({ type: 'events', session_id: 's', seq: 1, events: [word('a'), word('b')] });
    reconnect().welcome();
    expect(latest().ofType('attach')[0]?.after).toBe(2);
    latest().say({ type: 'events', session_id: 's', seq: 3, events: [word('c')] });
    expect(seen.join('')).toBe('abc');
  });

  it('does not show an event twice that came twice', () => {
    const { seen } = watched();
    socket.connect();
    latest().welcome();
    latest().say({ type: 'events', session_id: 's', seq: 1, events: [word('a'), word('b')] });
    latest().say({ type: 'events', session_id: 's', seq: 2, events: [word('b'), word('c')] });
    latest().say({ type: 'events', session_id: 's', seq: 1, events: [word('a')] });
    expect(seen.join('')).toBe('abc');
  });

  it('asks for what is missing instead of showing a torn text', () => {
    const { seen } = watched();
    socket.connect();
    latest().welcome();
    latest().say({ type: 'events', session_id: 's', seq: 1, events: [word('a')] });
    latest().say({ type: 'events', session_id: 's', seq: 5, events: [word('e')] });
    latest().say({ type: 'events', session_id: 's', seq: 6, events: [word('f')] });
    expect(seen.join('')).toBe('a');
    const attaches = latest().ofType('attach');
    expect(attaches.map(frame => frame.after)).toEqual([undefined, 1]);
    latest().say({ type: 'events', session_id: 's', seq: 2, events: 'bcdef'.split('').map(word) });
    expect(seen.join('')).toBe('abcdef');
  });

  it('takes a snapshot for all that was before', () => {
    const { seen, transcripts } = watched();
    socket.connect();
    latest().welcome();
    latest().say({ type: 'snapshot', session_id: 's', seq: 40, transcript: EMPTY_TRANSCRIPT });
    latest().say({ type: 'events', session_id: 's', seq: 40, events: [word('x'), word('y')] });
    expect(transcripts).toHaveLength(1);
    expect(seen.join('')).toBe('y');
    reconnect().welcome();
    expect(latest().ofType('attach')[0]?.after).toBe(41);
  });

  it('says when there is no such session', () => {
    const { failed } = watched();
    socket.connect();
    latest().welcome();
    const [attach] = latest().ofType('attach');
    const error = { code: 'unknown_session', message: 'No such session.', retryable: false };
    latest().say({ type: 'reply', id: attach?.id ?? '', error });
    expect(failed).toEqual(['unknown_session']);
  });

  it('is left alone once nobody watches', () => {
    const { seen, stop } = watched();
    socket.connect();
    latest().welcome();
    stop();
    expect(latest().ofType('detach')).toHaveLength(1);
    latest().say({ type: 'events', session_id: 's', seq: 1, events: [word('a')] });
    reconnect().welcome();
    expect(latest().ofType('attach')).toEqual([]);
    expect(seen).toEqual([]);
  });
});

describe('a request', () => {
  it('is done when the server says so', async () => {
    socket.connect();
    latest().welcome();
    const asked = socket.request(prompt);
    latest().say({ type: 'reply', id: latest().ofType('prompt')[0]?.id ?? '' });
    await expect(asked).resolves.toBeUndefined();
  });

  it('fails with the words of the server', async () => {
    socket.connect();
    latest().welcome();
    const asked = socket.request(prompt);
    const error = { code: 'session_busy', message: 'Another process runs it.', retryable: true };
    latest().say({ type: 'reply', id: latest().ofType('prompt')[0]?.id ?? '', error });
    await expect(asked).rejects.toThrow('Another process runs it.');
  });

  it('written while there is no connection is sent when there is one', () => {
    void socket.request(prompt);
    socket.connect();
    latest().welcome();
    expect(latest().ofType('prompt')).toHaveLength(1);
  });

  it('not answered before a break is repeated as the same operation', async () => {
    socket.connect();
    latest().welcome();
    const asked = socket.request(prompt);
    const [first] = latest().ofType('prompt');
    reconnect().welcome();
    const [second] = latest().ofType('prompt');
    expect(second).toEqual(first);
    latest().say({ type: 'reply', id: second?.id ?? '' });
    await asked;
    reconnect().welcome();
    expect(latest().ofType('prompt')).toEqual([]);
  });

  it('larger than the server takes is refused here, and nothing waits behind it', async () => {
    socket.connect();
    latest().welcome();
    const data = 'x'.repeat(20_000_000);
    const images = [{ type: 'image' as const, media_type: 'image/png', data }];
    await expect(socket.request({ ...prompt, images })).rejects.toMatchObject({
      info: { code: 'too_large', retryable: false }
    });
    void socket.request({ type: 'stop', session_id: 's' });
    expect(latest().sent.map(frame => frame.type)).toEqual(['stop']);
    reconnect().welcome();
    expect(latest().sent.map(frame => frame.type)).toEqual(['stop']);
  });

  it('counts bytes, as the server does', async () => {
    socket.connect();
    latest().welcome();
    const text = 'ü'.repeat(10_000_000);
    await expect(socket.request({ ...prompt, text })).rejects.toBeInstanceOf(RequestFailed);
    void socket.request({ ...prompt, text: 'u'.repeat(10_000_000) });
    expect(latest().ofType('prompt')).toHaveLength(1);
  });

  it('that approves is never repeated on another connection', async () => {
    socket.connect();
    latest().welcome('first');
    const asked = socket.request({
      type: 'approve',
      session_id: 's',
      approval_id: 'a',
      fingerprint: 'f',
      nonce: 'first',
      allow: true,
      scope: 'once'
    });
    latest().close();
    await expect(asked).rejects.toBeInstanceOf(RequestFailed);
    vi.advanceTimersByTime(60_000);
    latest().welcome('second');
    expect(latest().ofType('approve')).toEqual([]);
  });
});

describe('a call of the server', () => {
  const call: ServerFrame = {
    type: 'rpc',
    id: 'r',
    op_id: 'o',
    method: 'notebook.run',
    params: {},
    deadline: 10
  };
  const settle = async (): Promise<void> => void (await vi.advanceTimersByTimeAsync(0));

  it('is answered with progress and result', async () => {
    socket.setRpcHandler(async (_, progress) => {
      progress({ state: 'sent' });
      return { cells: [] };
    });
    socket.connect();
    latest().welcome();
    latest().say(call);
    await settle();
    expect(latest().sent).toEqual([
      { type: 'rpc_progress', id: 'r', data: { state: 'sent' } },
      { type: 'rpc_result', id: 'r', result: { cells: [] } }
    ]);
  });

  it('that is refused is answered with the error, any other failure too', async () => {
    const info = { code: 'UNKNOWN_CELL', message: 'Gone.', retryable: true };
    const errors = [new RpcFailure(info), new TypeError('broken')];
    socket.setRpcHandler(async () => {
      throw errors.shift() as Error;
    });
    socket.connect();
    latest().welcome();
    latest().say(call);
    latest().say(call);
    await settle();
    expect(
      latest()
        .ofType('rpc_result')
        .map(frame => frame.error?.code)
    ).toEqual(['UNKNOWN_CELL', 'error']);
  });

  it('whose answer is larger than the server takes is answered all the same', async () => {
    socket.setRpcHandler(async () => 'x'.repeat(20_000_000));
    socket.connect();
    latest().welcome();
    latest().say(call);
    await settle();
    expect(latest().sent).toMatchObject([
      { type: 'rpc_result', id: 'r', error: { code: 'too_large' } }
    ]);
  });

  it('is not answered on a connection that did not ask', async () => {
    let finish = (): void => {};
    socket.setRpcHandler(() => new Promise(resolve => (finish = () => resolve({}))));
    socket.connect();
    latest().welcome();
    latest().say(call);
    reconnect().welcome();
    finish();
    await settle();
    expect(latest().ofType('rpc_result')).toEqual([]);
  });
});
