// What a person sees of a page that the browser keeps frozen: the agent waits for a tab that answers no
// more, and reports a cell that ran as one that did not.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentSocket } from './socket';

class FakeWebSocket {
  static all: FakeWebSocket[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor() {
    FakeWebSocket.all.push(this);
  }

  send(): void {
    // Nothing listens.
  }

  close(code = 1006): void {
    this.onclose?.({ code });
  }

  welcome(): void {
    const frame = { type: 'welcome', client_id: 'c', nonce: 'n', version: '1', can_approve: true };
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

let socket: AgentSocket;

function latest(): FakeWebSocket {
  return FakeWebSocket.all.at(-1) as FakeWebSocket;
}

describe('a page that is left', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeWebSocket.all = [];
    socket = new AgentSocket({
      url: 'ws://localhost/jupyter-agent/api/socket',
      open: () => new FakeWebSocket() as unknown as WebSocket
    });
    socket.connect();
    latest().welcome();
  });

  afterEach(() => {
    socket.dispose();
    vi.useRealTimers();
  });

  it('lets go of its connection, so that the server waits for no answer of it', () => {
    window.dispatchEvent(new Event('pagehide'));
    expect(socket.state).toBe('closed');
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.all).toHaveLength(1);
  });

  it('connects again when the browser shows it again', () => {
    window.dispatchEvent(new Event('pagehide'));
    window.dispatchEvent(new Event('pageshow'));
    expect(FakeWebSocket.all).toHaveLength(2);
    latest().welcome();
    expect(socket.state).toBe('open');
  });

  it('makes no second connection when it is shown for the first time', () => {
    window.dispatchEvent(new Event('pageshow'));
    expect(FakeWebSocket.all).toHaveLength(1);
  });
});
