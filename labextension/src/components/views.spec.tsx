// What shows whichever way one came: the conversation when something is done in it, why it is not
// there, and where else the agent waits.
import { RenderMimeRegistry } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentModel } from '../model/agent';
import { Draft } from '../model/draft';
import { FakeConnection, FakeServer, fakeDemo } from '../model/fakes';
import type { AgentServer } from '../model/server';
import type { ModelInfo } from '../protocol/types';
import { AgentPanel } from '../widgets/panel';
import { builtinCards } from './cards';
import { Panel } from './panel';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

const CAPABILITIES = { vision: true, effort_levels: [] };

let server: FakeServer;
let connection: FakeConnection;
let model: AgentModel;
let services: PanelServices;
let panel: HTMLElement;
let complaints: unknown[];

beforeEach(async () => {
  server = new FakeServer();
  server.ready = [
    { id: 'anthropic/claude', label: 'Claude', available: true, capabilities: CAPABILITIES }
  ] as unknown as ModelInfo[];
  connection = new FakeConnection();
  model = new AgentModel(server as unknown as AgentServer, connection);
  model.follow('a.ipynb');
  await model.load();
  complaints = [];
  services = {
    model,
    demo: fakeDemo(model),
    trans: nullTranslator.load('jupyter_agent'),
    rendermime: new RenderMimeRegistry(),
    highlight: null,
    cards: builtinCards(),
    notebook: {
      reveal: vi.fn(),
      insertBelow: vi.fn(),
      replaceActive: vi.fn(),
      restartKernel: vi.fn(),
      promptAbout: verb => ({
        text: `${verb} cell [4] of b.ipynb`,
        notebook: 'b.ipynb',
        mentions: []
      })
    },
    draft: new Draft(),
    mentions: {
      notebook: 'a.ipynb',
      cells: () => [],
      hasCells: false,
      selection: () => null,
      variables: async () => ({ variables: [] }),
      files: async () => ({ files: [], more: false })
    },
    download: vi.fn(),
    complain: error => complaints.push(error)
  };
  model.view.visible = true;
});

afterEach(cleanup);

async function open(): Promise<void> {
  const { container } = render(
    <ServicesContext.Provider value={services}>
      <Panel />
    </ServicesContext.Provider>
  );
  panel = container;
  await drawn();
}

/** Let the panel draw: it does so once a frame. */
async function drawn(work: () => unknown = () => undefined): Promise<void> {
  await act(async () => {
    work();
    await new Promise(resolve => requestAnimationFrame(resolve));
  });
}

const find = (selector: string): HTMLElement | null => panel.querySelector(selector);
const banner = (kind: string): HTMLElement | null => find(`[data-kind="${kind}"]`);

describe('the head', () => {
  beforeEach(() => connection.show('new-a', {}));

  it('names the notebook of the session, and leads to that of the one in front', async () => {
    await open();
    expect(find('.jp-Agent-place')?.textContent).toBe('a.ipynb');
    expect(banner('elsewhere')).toBeNull();
    await drawn(() => model.show('b'));
    expect(find('.jp-Agent-place')?.textContent).toBe('b.ipynb');
    expect(banner('elsewhere')?.textContent).toContain('works on b.ipynb; a.ipynb is in front');
    await drawn(() => fireEvent.click(screen.getByText('Switch to a.ipynb')));
    expect(find('.jp-Agent-place')?.textContent).toBe('a.ipynb');
    expect(banner('elsewhere')).toBeNull();
  });

  it('tells that another session waits', async () => {
    await open();
    expect(screen.queryByLabelText('Sessions')).not.toBeNull();
    server.list = server.list.map(one => ({ ...one, status: one.id === 'b' ? 'waiting' : 'idle' }));
    await drawn(() => connection.sessionsChanged.emit());
    await drawn();
    expect(banner('waiting')?.textContent).toContain('The agent waits for you in “b”.');
    const button = screen.getByLabelText('Sessions: 1 waits for you');
    expect(button.classList.contains('jp-mod-waiting')).toBe(true);
    await drawn(() => fireEvent.click(button));
    const listed = [...panel.querySelectorAll('.jp-Agent-session')].map(row => row.textContent);
    expect(listed).toHaveLength(3);
    expect(listed[0]).toMatch(/^b waiting for you\s*b\.ipynb · /);
    expect(banner('waiting')).toBeNull();
  });

  it('leads to the session that waits, or says no more of it', async () => {
    const waits = async (...ids: string[]): Promise<void> => {
      server.list = server.list.map(one => ({
        ...one,
        status: ids.includes(one.id) ? 'waiting' : 'idle'
      }));
      await drawn(() => connection.sessionsChanged.emit());
      await drawn();
    };
    await open();
    await waits('b');
    await drawn(() => fireEvent.click(screen.getByLabelText('Hide this')));
    expect(banner('waiting')).toBeNull();
    await waits();
    await waits('b');
    expect(banner('waiting')?.textContent).toContain('The agent waits for you in “b”.');
    await waits('b', 'old-a');
    expect(banner('waiting')?.textContent).toContain('The agent waits for you in 2 sessions.');
    await drawn(() => fireEvent.click(screen.getByText('Show')));
    expect(find('.jp-Agent-sessions')).not.toBeNull();
    await drawn(() => model.view.show('chat'));
    await waits('old-a');
    await drawn(() => fireEvent.click(screen.getByText('Show')));
    expect(model.session?.id).toBe('old-a');
    expect(banner('waiting')).toBeNull();
  });
});

it('/fix asks in the session of the notebook the cell is in', async () => {
  connection.show('new-a', {});
  const mentions = { ...services.mentions, hasCells: true, cells: () => [{ id: 'c' } as never] };
  services = { ...services, mentions };
  await open();
  const field = screen.getByLabelText('Message to the agent');
  await drawn(() => services.draft.write('/fix'));
  await drawn(() => fireEvent.keyDown(field, { key: 'Enter' }));
  await drawn();
  expect(connection.requests).toMatchObject([
    { type: 'prompt', session_id: 'b', text: 'fix cell [4] of b.ipynb' }
  ]);
});

describe('the conversation', () => {
  it('comes back when somebody is to write in it', async () => {
    connection.show('new-a', {});
    const widget = new AgentPanel(services, () => undefined);
    document.body.append(widget.node);
    await open();
    for (const view of ['sessions', 'providers'] as const) {
      await drawn(() => model.view.show(view));
      expect(find('textarea')).toBeNull();
      await drawn(() => widget.focusComposer());
      expect(find('textarea')).not.toBeNull();
    }
    widget.node.remove();
  });

  it('that cannot be shown says why, and can be tried again', async () => {
    await open();
    const error = { code: 'store_unavailable', message: 'Locked.', retryable: true };
    await drawn(() => connection.fail('new-a', error));
    expect(banner('failed')?.textContent).toContain('Locked.');
    expect(panel.textContent).not.toContain('Loading');
    await drawn(() => fireEvent.click(screen.getByText('Try again')));
    expect(banner('failed')).toBeNull();
    await drawn(() => connection.show('new-a', { title: 'Here' }));
    await drawn(() => connection.fail('new-a', error));
    expect(banner('failed')).not.toBeNull();
    expect(find('.jp-Agent-title')?.textContent).toBe('Here');
  });

  it('begins once, however often one clicks, and shows what was said', async () => {
    let made = (): void => {};
    server.making = new Promise(resolve => (made = resolve));
    model.startNew();
    await open();
    const suggestion = screen.getByText('Explain this notebook.');
    await drawn(() => fireEvent.click(suggestion));
    expect(find('.jp-mod-sending')?.textContent).toBe('Explain this notebook.');
    expect(find('.jp-Agent-suggestion')).toBeNull();
    await drawn(made);
    expect(connection.requests.filter(one => one.type === 'prompt')).toHaveLength(1);
    expect(server.created).toHaveLength(1);
  });
});

describe('a lost connection', () => {
  it('is told when there was one, and not at the start', async () => {
    connection.show('new-a', {});
    connection.state = 'connecting';
    await open();
    expect(banner('disconnected')).toBeNull();
    connection.lost = true;
    await drawn(() => connection.stateChanged.emit('connecting'));
    expect(banner('disconnected')).not.toBeNull();
  });

  it('whose login has ended says so', async () => {
    const { ApiError } = await import('../client/rest');
    await open();
    server.problem = new ApiError('Forbidden', 403);
    await drawn(() => connection.refused.emit());
    await drawn();
    expect(find('.jp-Agent-trouble')?.textContent).toContain('Log in again');
  });
});

describe('pictures', () => {
  const picture = (megabytes: number): File =>
    new File([new Uint8Array(megabytes * 1024 * 1024)], 'p.png', { type: 'image/png' });

  async function add(...files: File[]): Promise<void> {
    const input = find('input[type="file"]') as HTMLInputElement;
    await drawn(() => fireEvent.change(input, { target: { files } }));
    await vi.waitFor(() =>
      expect(complaints.length + panel.querySelectorAll('img').length).toBeGreaterThan(0)
    );
  }

  it('are refused when they are too large together, also one after the other', async () => {
    connection.show('new-a', {});
    await open();
    await add(picture(4), picture(4));
    await vi.waitFor(() => expect(panel.querySelectorAll('img')).toHaveLength(2));
    expect(complaints).toEqual([]);
    await add(picture(4));
    await vi.waitFor(() => expect(complaints).toHaveLength(1));
    expect(String(complaints[0])).toContain('10 MB together');
    expect(panel.querySelectorAll('img')).toHaveLength(2);
  });
});
