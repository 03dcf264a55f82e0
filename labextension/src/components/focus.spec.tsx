// Where the focus is after what had it is gone, and what a screen reader is told of a session that
// was only switched to.
import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentModel } from '../model/agent';
import { Draft } from '../model/draft';
import { fakeDemo } from '../model/fakes';
import type { AgentConnection, AgentServer } from '../model/server';
import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import type { ApprovalStart, ReviewCell, Transcript } from '../protocol/types';
import { builtinCards } from './cards';
import { Panel } from './panel';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

type Request = Parameters<AgentConnection['request']>[0];

const approval = (id: string): ApprovalStart => ({
  type: 'approval_start',
  approval_id: id,
  call_id: `call-${id}`,
  tool_name: 'run_code',
  title: `Run ${id}`,
  permissions: ['exec'],
  arguments: {},
  preview: [],
  fingerprint: id,
  scopes: ['once']
});
const QUESTION = {
  type: 'question_start' as const,
  question_id: 'q',
  call_id: 'call-q',
  question: 'Which?',
  options: ['this']
};
const CELL: ReviewCell = {
  path: 'a.ipynb',
  cell_id: 'one',
  kind: 'edited',
  cell_type: 'code',
  before: 'x = 1',
  after: 'x = 2',
  added: 1,
  removed: 1,
  number: 4,
  executed: true,
  state: 'open'
};

let watchers: Map<string, (transcript: Transcript) => void>;
let requests: Request[];
let agent: AgentModel;

beforeEach(async () => {
  watchers = new Map();
  requests = [];
  const owner = {};
  const connection: AgentConnection = {
    state: 'open',
    welcome: { type: 'welcome', client_id: 'c', nonce: 'n', version: '1', can_approve: true },
    stateChanged: new Signal<unknown, 'open'>(owner),
    sessionsChanged: new Signal<unknown, void>(owner),
    refused: new Signal<unknown, void>(owner),
    lost: false,
    connect: () => undefined,
    watch: (id, watcher) => {
      watchers.set(id, transcript => watcher.snapshot(transcript));
      return () => undefined;
    },
    request: async frame => void requests.push(frame)
  };
  const session = (id: string): object => ({
    id,
    title: `Session ${id}`,
    notebook_path: 'a.ipynb',
    updated_at: `2026-01-01T00:00:0${id === 's' ? 2 : 1}Z`,
    status: 'idle'
  });
  const server = {
    status: async () => ({ default_model: 'x/y', default_mode: 'ask', modes: ['ask'] }),
    models: async () => ({ models: [], failures: [] }),
    sessions: async () => [session('s'), session('t')],
    providers: async () => []
  } as unknown as AgentServer;
  agent = new AgentModel(server, connection);
  agent.follow('a.ipynb');
  await agent.load();
  const services = {
    model: agent,
    demo: fakeDemo(agent),
    trans: nullTranslator.load('jupyter_agent'),
    rendermime: new RenderMimeRegistry({ initialFactories: standardRendererFactories }),
    highlight: null,
    cards: builtinCards(),
    notebook: { promptAbout: () => null },
    draft: new Draft(),
    mentions: { notebook: 'a.ipynb', hasCells: false, cells: () => [], selection: () => null },
    complain: vi.fn()
  } as unknown as PanelServices;
  render(
    <ServicesContext.Provider value={services}>
      <Panel />
    </ServicesContext.Provider>
  );
  await show({});
});
afterEach(cleanup);

/** Have a session come as it is now, and the panel draw it: it does so once a frame. */
async function show(transcript: Partial<Transcript>, id = 's'): Promise<void> {
  await act(async () => {
    watchers.get(id)?.({ ...EMPTY_TRANSCRIPT, model: 'x/y', ...transcript });
    await new Promise(resolve => requestAnimationFrame(resolve));
  });
}

const field = (): HTMLElement => screen.getByLabelText('Message to the agent');
const told = (): string => document.querySelector('.jp-Agent-announcer')?.textContent ?? '';

async function allow(): Promise<void> {
  const button = screen.getByText<HTMLButtonElement>('Allow once');
  await waitFor(() => expect(button.disabled).toBe(false));
  button.focus();
  await act(async () => fireEvent.click(button));
}

describe('the focus', () => {
  it('goes on to the next request, however it follows the one that was answered', async () => {
    await show({ running: true, approvals: [approval('one')] });
    await allow();
    await show({ running: true, approvals: [approval('two')] });
    const focused = (): string | undefined =>
      document.activeElement?.closest<HTMLElement>('.jp-Agent-approval')?.textContent ?? undefined;
    await waitFor(() => expect(focused()).toContain('Run two'));
    expect(told()).toContain('Run two');
    await allow();
    await show({ running: true });
    await waitFor(() => expect(document.activeElement).toBe(field()));
    await show({ running: true, approvals: [approval('three')] });
    expect(focused()).toContain('Run three');
    fireEvent.keyDown(document.activeElement as Element, { key: 'Escape' });
    expect(requests.at(-1)).toMatchObject({ type: 'approve', allow: false });
  });

  it('goes to where one writes after an answer, a stop, and a look at other sessions', async () => {
    await show({ running: true, questions: [QUESTION] });
    screen.getByText('this').focus();
    await show({ running: true });
    await waitFor(() => expect(document.activeElement).toBe(field()));
    screen.getByText('Stop').focus();
    await show({});
    await waitFor(() => expect(document.activeElement).toBe(field()));
    fireEvent.click(screen.getByLabelText('Sessions'));
    fireEvent.keyDown(screen.getByLabelText('Search sessions'), { key: 'Escape' });
    await waitFor(() => expect(document.activeElement).toBe(field()));
  });

  it('comes back to a button that was only disabled for a while', async () => {
    await show({ review: [CELL], running: false });
    const keep = screen.getByText<HTMLButtonElement>('Keep all');
    keep.focus();
    await act(async () => void (keep.disabled = true));
    // As browsers do at the next frame.
    keep.blur();
    await act(async () => void (keep.disabled = false));
    await waitFor(() => expect(document.activeElement).toBe(keep));
  });

  it('stays at the way to the end when the end is reached, until the person goes on', async () => {
    await show({ running: true, approvals: [approval('one')] });
    const log = screen.getByRole('log');
    Object.defineProperties(log, { scrollHeight: { value: 1000 }, clientHeight: { value: 100 } });
    const scrollTo = async (top: number): Promise<void> => {
      log.scrollTop = top;
      await act(async () => fireEvent.scroll(log));
    };
    await scrollTo(900);
    await scrollTo(200);
    screen.getByText('Latest ↓').focus();
    await scrollTo(900);
    expect(document.activeElement).toBe(screen.getByText('Latest ↓'));
    act(() => field().focus());
    expect(screen.queryByText('Latest ↓')).toBeNull();
  });

  it('is left where the person took it', async () => {
    await show({ running: true, approvals: [approval('one')] });
    screen.getByText('Deny').focus();
    screen.getByText('Deny').blur();
    await act(async () => undefined);
    await show({ running: true });
    await act(async () => undefined);
    expect(document.activeElement).toBe(document.body);
  });
});

describe('what is announced', () => {
  it('is no change when another session is shown, loaded or sent anew', async () => {
    await show({ running: true });
    expect(told()).toBe('The agent is working.');
    await act(async () => agent.show('t'));
    expect(told()).toBe('');
    await show({ review: [CELL] }, 't');
    await show({ review: [{ ...CELL }] }, 't');
    expect(told()).toBe('');
    await show({ review: [] }, 't');
    expect(told()).toBe('No change is left to review.');
  });

  it('is what waits for the person, also in a session that comes in view', async () => {
    await act(async () => agent.show('t'));
    await show({ running: true, approvals: [approval('one')] }, 't');
    expect(told()).toContain('Run one');
  });
});
