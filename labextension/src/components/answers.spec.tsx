// What a person answers and gets back: approvals by keys, prompts that were not delivered, runs that
// ended early, and the button that helps then.
import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { marked } from 'marked';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentModel } from '../model/agent';
import { Draft } from '../model/draft';
import { FakeConnection, FakeServer, fakeDemo, summary } from '../model/fakes';
import type { AgentServer } from '../model/server';
import type { ApprovalStart, ModelInfo, Transcript } from '../protocol/types';
import { builtinCards } from './cards';
import { Panel } from './panel';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

const APPROVAL: ApprovalStart = {
  type: 'approval_start',
  approval_id: 'ap',
  call_id: 'call',
  tool_name: 'run_code',
  title: 'Run code',
  permissions: ['exec'],
  arguments: { code: 'x' },
  preview: [],
  fingerprint: 'f00d',
  scopes: ['once', 'session']
};
const CAPABILITIES = { vision: true, effort_levels: [] };

let server: FakeServer;
let connection: FakeConnection;
let model: AgentModel;
let services: PanelServices;
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
    rendermime: new RenderMimeRegistry({
      initialFactories: standardRendererFactories,
      markdownParser: { render: async (source: string) => marked.parse(source) }
    }),
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

async function open(transcript: Partial<Transcript>): Promise<HTMLElement> {
  connection.show('new-a', { model: 'anthropic/claude', ...transcript });
  const { container } = render(
    <ServicesContext.Provider value={services}>
      <Panel />
    </ServicesContext.Provider>
  );
  await drawn();
  return container;
}

/** Let the panel draw: it does so once a frame. */
async function drawn(work: () => unknown = () => undefined): Promise<void> {
  await act(async () => {
    work();
    await new Promise(resolve => requestAnimationFrame(resolve));
  });
}

const asked = (type: string): object[] => connection.requests.filter(one => one.type === type);
const field = (): HTMLTextAreaElement => screen.getByLabelText('Message to the agent');
const button = (panel: HTMLElement, action: string): HTMLButtonElement =>
  panel.querySelector(`[data-action="${action}"]`) as HTMLButtonElement;

describe('an approval', () => {
  const waiting = { running: true, approvals: [APPROVAL] };

  it('is given and denied by the keys at its buttons, and Esc does not end the run', async () => {
    const panel = await open(waiting);
    const box = panel.querySelector('.jp-Agent-approval') as HTMLElement;
    fireEvent.keyDown(box, { key: '1' });
    expect(asked('approve')).toEqual([]); // too early: it was meant for something else
    await waitFor(() => expect(button(panel, 'allow-once').disabled).toBe(false));
    expect(button(panel, 'allow-session').textContent).toContain('2');
    fireEvent.keyDown(panel.querySelector('.jp-Agent-denyReason') as HTMLElement, { key: '1' });
    fireEvent.keyDown(box, { key: '1', ctrlKey: true });
    fireEvent.keyDown(box, { key: '1', repeat: true });
    fireEvent.keyDown(box, { key: '3' }); // a scope that is not offered
    expect(asked('approve')).toEqual([]);
    await act(async () => void fireEvent.keyDown(box, { key: '2' }));
    expect(asked('approve')).toMatchObject([{ allow: true, scope: 'session' }]);
  });

  it('is denied by Esc, with the reason that was written', async () => {
    const panel = await open(waiting);
    const reason = panel.querySelector('.jp-Agent-denyReason') as HTMLElement;
    fireEvent.change(reason, { target: { value: 'not now' } });
    fireEvent.keyDown(reason, { key: 'Escape' });
    expect(asked('approve')).toMatchObject([{ allow: false, reason: 'not now' }]);
    expect(asked('stop')).toEqual([]);
  });
});

it('a question is rendered, and its options lose their marks', async () => {
  const question = {
    type: 'question_start' as const,
    question_id: 'q',
    call_id: 'call',
    question: 'By which should I **group**?',
    options: ['**species**']
  };
  const panel = await open({ running: true, questions: [question] });
  await waitFor(() =>
    expect(panel.querySelector('.jp-Agent-question strong')?.textContent).toBe('group')
  );
  fireEvent.click(screen.getByText('species'));
  expect(asked('answer')).toMatchObject([{ answer: '**species**' }]);
});

describe('a prompt that waits', () => {
  it('queues by a button that is there while it runs', async () => {
    await open({ running: true });
    expect(screen.queryByLabelText('Queue')).toBeNull();
    fireEvent.change(field(), { target: { value: 'then plot' } });
    fireEvent.click(screen.getByLabelText('Queue'));
    await waitFor(() =>
      expect(asked('prompt')).toMatchObject([{ text: 'then plot', delivery: 'queue' }])
    );
  });

  it('comes back by itself when the run ended before it was delivered', async () => {
    const held = (id: string, text: string) => ({
      id,
      text,
      delivery: 'held' as const,
      mentions: [],
      images: []
    });
    await open({ running: false, queued: [held('p1', 'fewer ticks'), held('p2', 'then save')] });
    await waitFor(() => expect(field().value).toBe('fewer ticks'));
    expect(services.draft.kept).toMatchObject([{ text: 'then save' }]);
    expect(asked('unqueue')).toMatchObject([
      { type: 'unqueue', prompt_id: 'p1' },
      { type: 'unqueue', prompt_id: 'p2' }
    ]);
  });

  it('is left to the window that has it already', async () => {
    connection.refuse = new Error('This prompt waits no longer.');
    const queued = [
      { id: 'p1', text: 'later', delivery: 'held' as const, mentions: [], images: [] }
    ];
    await open({ running: false, queued });
    await act(async () => undefined);
    expect(field().value).toBe('');
    expect(complaints).toEqual([]);
  });
});

describe('a call that was stopped', () => {
  it('keeps its title, its cell and its time, and is no error', async () => {
    const call = {
      type: 'tool_call' as const,
      id: 'call',
      index: 0,
      name: 'edit_cells',
      arguments_raw: '{}',
      arguments: {}
    };
    const parts = [call];
    const message = { id: 'm', role: 'assistant' as const, parts, created_at: '', metadata: {} };
    const cell = { cell_id: 'c5', path: 'a.ipynb', number: 5, executed: false };
    const panel = await open({
      entries: [{ type: 'message', message, streaming: false, thinking_durations: [] }],
      tools: {
        call: {
          call_id: 'call',
          tool_name: 'edit_cells',
          status: 'interrupted',
          title: 'Insert a cell and run it',
          summary: 'stopped',
          text: '',
          cells: [{ ...cell, action: 'ran', added: 0, removed: 0 }],
          preview: [],
          duration: 6.52
        }
      }
    });
    const card = panel.querySelector('.jp-Agent-toolCard');
    expect(card?.querySelector('.jp-Agent-toolTitle')?.textContent).toBe(
      'Insert a cell and run it · cell 5 · Stopped after 6.5 s'
    );
    expect(card?.getAttribute('data-status')).toBe('interrupted');
  });
});

describe('the end of a run', () => {
  const failed = (code: string): Partial<Transcript> => ({
    entries: [
      {
        type: 'run',
        run_id: 'r',
        status: 'failed',
        error: { code, message: 'No.', retryable: false }
      }
    ]
  });

  it('makes room where the window is full, and offers no attempt that must fail', async () => {
    const panel = await open(failed('context_overflow'));
    expect(button(panel, 'retry')).toBeNull();
    await act(async () => fireEvent.click(button(panel, 'summarise')));
    expect(asked('compact')).toHaveLength(1);
    fireEvent.click(button(panel, 'new-session'));
    await drawn();
    expect(panel.querySelector('.jp-Agent-runEnd')).toBeNull();
  });

  it('offers another model where the quota is used up', async () => {
    Element.prototype.scrollIntoView ??= () => undefined;
    const panel = await open(failed('rate_limited'));
    await act(async () => fireEvent.click(button(panel, 'other-model')));
    expect(panel.querySelector('.jp-Agent-modelList')).not.toBeNull();
  });

  it('counts down to the next attempt in one line', async () => {
    const values = { message: 'Too many requests.', delay: 4, attempt: 2 };
    const notice = { type: 'notice', level: 'warning', text: '', code: 'retry', values } as const;
    const panel = await open({ running: true, entries: [notice] });
    const text = (): string => panel.querySelector('.jp-Agent-notice')?.textContent ?? '';
    expect(text()).toBe('Too many requests. Trying again in 4 s.');
    await waitFor(() => expect(text()).toContain('in 3 s'), { timeout: 3000 });
    connection.show('new-a', { running: false, entries: [notice] });
    await drawn();
    expect(text()).toBe('Too many requests. Asked again 2 times.');
  });
});

describe('an earlier prompt', () => {
  const forks: unknown[][] = [];
  const said = (id: string, role: 'user' | 'assistant', text: string) => ({
    type: 'message' as const,
    message: { id, role, parts: [{ type: 'text', text }] },
    streaming: false,
    thinking_durations: []
  });
  const talk = {
    entries: [said('m1', 'user', 'Plot the mass'), said('m2', 'assistant', 'Here it is.')]
  } as unknown as Partial<Transcript>;

  beforeEach(() => {
    forks.length = 0;
    Object.assign(server, {
      forkSession: async (...given: unknown[]) => {
        forks.push(given);
        return summary('forked', 'a.ipynb', '2026-02-02');
      }
    });
  });

  it('comes back into the composer by its pencil, in a session that ends before it', async () => {
    await open(talk);
    fireEvent.click(screen.getByLabelText('Edit this prompt'));
    await waitFor(() => expect(services.draft.text).toBe('Plot the mass'));
    expect(forks).toEqual([['new-a', 'm1', true]]);
    expect(model.session?.id).toBe('forked');
    expect(asked('prompt')).toEqual([]);
  });

  it('is answered once more by Try again', async () => {
    await open(talk);
    fireEvent.click(screen.getByLabelText(/^Try again/));
    await waitFor(() =>
      expect(asked('prompt')).toMatchObject([{ session_id: 'forked', text: 'Plot the mass' }])
    );
    expect(forks).toEqual([['new-a', 'm1', true]]);
  });

  it('stays as it is while the agent is at work', async () => {
    await open({ ...talk, running: true });
    fireEvent.click(screen.getByLabelText('Edit this prompt'));
    await waitFor(() => expect(String(complaints[0])).toContain('Stop it first'));
    expect(forks).toEqual([]);
  });
});

it('a session is saved as a notebook', async () => {
  Object.assign(server, { exportSession: async (...given: string[]) => given.join() });
  await open({});
  await drawn(() => model.view.show('sessions'));
  fireEvent.click(screen.getByLabelText('Save new-a as a notebook'));
  await waitFor(() =>
    expect(services.download).toHaveBeenCalledWith('new-a.ipynb', 'new-a,notebook')
  );
});
