// What a person does in the panel: allow, deny, answer, send, steer, stop; with a real model and a
// connection that only writes down what it was asked.
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
import type {
  ApprovalStart,
  ModelInfo,
  SessionSummary,
  Transcript,
  Welcome
} from '../protocol/types';
import { builtinCards } from './cards';
import { Panel } from './panel';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

type Request = Parameters<AgentConnection['request']>[0];

const NO_CAPABILITIES = {
  tools: true,
  streaming: true,
  vision: true,
  audio: false,
  documents: false,
  thinking: false,
  effort_levels: [],
  tool_choice: true,
  parallel_tools: true,
  prefill: false,
  system_prompt: true,
  structured_output: true,
  requires_key: false
};
const model = (id: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  id,
  provider: id.split('/')[0] ?? id,
  name: id,
  label: id,
  capabilities: NO_CAPABILITIES,
  available: true,
  ...more
});
const SESSION: SessionSummary = {
  id: 's',
  title: 'A session',
  notebook_path: 'a.ipynb',
  model: 'x/y',
  mode: 'ask',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  status: 'idle',
  messages: 0
};
const APPROVAL: ApprovalStart = {
  type: 'approval_start',
  approval_id: 'ap',
  call_id: 'call',
  tool_name: 'run_code',
  title: 'Run code',
  permissions: ['exec'],
  arguments: { code: 'x' },
  preview: [{ kind: 'code', text: 'print("\u202esafe")' }],
  fingerprint: 'f00d',
  scopes: ['once', 'session']
};

let requests: Request[];
/** What the server's answers wait for. */
let pending: Promise<void>;
let welcome: Welcome;
let show: (transcript: Partial<Transcript>) => void;
let models: ModelInfo[];
let sessions: SessionSummary[];
let agent: AgentModel;
const restartKernel = vi.fn();

beforeEach(() => {
  requests = [];
  pending = Promise.resolve();
  welcome = { type: 'welcome', client_id: 'c', nonce: 'n', version: '1', can_approve: true };
  models = [model('x/y'), model('demo')];
  sessions = [SESSION];
});

afterEach(() => {
  cleanup();
});

async function open(transcript: Partial<Transcript> | null = {}): Promise<HTMLElement> {
  const owner = {};
  const connection: AgentConnection = {
    state: 'open',
    welcome,
    stateChanged: new Signal<unknown, 'open'>(owner),
    sessionsChanged: new Signal<unknown, void>(owner),
    lost: false,
    refused: new Signal<unknown, void>(owner),
    connect: () => undefined,
    watch: (_, watcher) => {
      show = changes =>
        act(() => {
          watcher.snapshot({ ...EMPTY_TRANSCRIPT, model: 'x/y', ...changes });
        });
      return () => undefined;
    },
    request: frame => {
      requests.push(frame);
      return pending;
    }
  };
  const server = {
    status: async () => ({
      version: '1',
      default_model: models.find(one => one.available)?.id,
      default_mode: 'ask',
      modes: ['plan', 'ask', 'edits', 'auto'],
      open_panel: 'never',
      demo_prompt: 'Show me.',
      demo_explore_prompt: 'Explore.',
      looked_for: ['keys in the environment']
    }),
    models: async (live = false) => ({ models, failures: [], live, dated: '2026-11-26' }),
    sessions: async () => sessions,
    providers: async () => [
      {
        name: 'x',
        label: 'Provider X',
        has_key: false,
        base_url: 'https://x.example',
        local: false
      }
    ],
    createSession: async () => SESSION
  } as unknown as AgentServer;
  agent = new AgentModel(server, connection);
  agent.follow('a.ipynb');
  await agent.load();
  const services: PanelServices = {
    model: agent,
    demo: fakeDemo(agent),
    trans: nullTranslator.load('jupyter_agent'),
    rendermime: new RenderMimeRegistry({ initialFactories: standardRendererFactories }),
    highlight: null,
    cards: builtinCards(),
    notebook: {
      reveal: vi.fn(),
      insertBelow: vi.fn(),
      replaceActive: vi.fn(),
      restartKernel,
      promptAbout: verb => ({ text: `${verb} cell [4]`, notebook: 'a.ipynb', mentions: [] })
    },
    draft: new Draft(),
    mentions: {
      notebook: 'a.ipynb',
      hasCells: false,
      cells: () => [],
      selection: () => null,
      variables: async () => ({ variables: [] }),
      files: async () => ({ files: [], more: false })
    },
    download: vi.fn(),
    complain: error => {
      throw error;
    }
  };
  const { container } = render(
    <ServicesContext.Provider value={services}>
      <Panel />
    </ServicesContext.Provider>
  );
  if (transcript !== null && sessions.length > 0) {
    show(transcript);
    await waitFor(() => expect(container.querySelector('.jp-Agent-composer')).not.toBeNull());
    await frame();
  }
  return container;
}

/** Let the panel draw: it does so once a frame. */
async function frame(): Promise<void> {
  await act(async () => {
    await new Promise(resolve => requestAnimationFrame(resolve));
  });
}

function button(panel: HTMLElement, action: string): HTMLButtonElement {
  return panel.querySelector(`[data-action="${action}"]`) as HTMLButtonElement;
}

function field(): HTMLTextAreaElement {
  return screen.getByLabelText('Message to the agent');
}

function write(text: string, key: object): void {
  fireEvent.change(field(), { target: { value: text } });
  fireEvent.keyDown(field(), key);
}

const asked = (type: Request['type']): Request[] => requests.filter(one => one.type === type);

describe('a kernel that went on after Stop', () => {
  it('can be restarted from where that is said', async () => {
    const notice = { type: 'notice', level: 'warning', text: 'It still runs.' } as const;
    const code = 'kernel_still_running';
    const panel = await open({ entries: [{ ...notice, code, path: 'a.ipynb' }] });
    fireEvent.click(button(panel, 'restart-kernel'));
    expect(restartKernel).toHaveBeenCalledWith('a.ipynb');
  });
});

describe('an approval', () => {
  const waiting = { running: true, approvals: [APPROVAL] };

  it('shows what cannot be seen, and what it needs', async () => {
    const panel = await open(waiting);
    expect(panel.querySelector('.jp-Agent-approval')?.textContent).toContain('⟨U+202E⟩');
    expect(panel.querySelector('.jp-Agent-approval')?.textContent).toContain('runs code');
    expect(panel.querySelector('.jp-Agent-panel')?.getAttribute('data-state')).toBe('waiting');
  });

  it('is not given by a click that was meant for something else', async () => {
    const panel = await open(waiting);
    const allow = button(panel, 'allow-once');
    fireEvent.click(allow);
    expect(asked('approve')).toEqual([]);
    await waitFor(() => expect(allow.disabled).toBe(false));
    fireEvent.click(allow);
    expect(asked('approve')).toMatchObject([
      { approval_id: 'ap', fingerprint: 'f00d', nonce: 'n', allow: true, scope: 'once' }
    ]);
  });

  it('can be given for the scopes the server offers, and no other', async () => {
    const panel = await open(waiting);
    expect(panel.querySelector('[data-action="allow-notebook"]')).toBeNull();
    const allow = button(panel, 'allow-session');
    await waitFor(() => expect(allow.disabled).toBe(false));
    fireEvent.click(allow);
    expect(asked('approve')).toMatchObject([{ scope: 'session', allow: true }]);
  });

  it('is denied with a reason, by the keyboard too', async () => {
    const panel = await open(waiting);
    const reason = panel.querySelector('.jp-Agent-denyReason') as HTMLElement;
    fireEvent.change(reason, { target: { value: 'not now' } });
    fireEvent.keyDown(reason, { key: 'Enter' });
    expect(asked('approve')).toMatchObject([{ allow: false, reason: 'not now' }]);
  });

  it('cannot be given where the server refuses approvals, and says why', async () => {
    welcome = { ...welcome, can_approve: false, reason: 'Only with a login cookie.' };
    const panel = await open(waiting);
    expect(panel.querySelector('[data-action]')).toBeNull();
    expect(panel.querySelector('.jp-Agent-approval')?.textContent).toContain(
      'Only with a login cookie.'
    );
  });

  it('does not take the focus from someone who is writing', async () => {
    await open({ running: true });
    field().focus();
    fireEvent.change(field(), { target: { value: 'half a sent' } });
    show(waiting);
    await frame();
    expect(document.activeElement).toBe(field());
  });
});

describe('a question', () => {
  it('is answered by an option, by words, or not at all', async () => {
    const question = {
      type: 'question_start' as const,
      question_id: 'q',
      call_id: 'call',
      question: 'Which?',
      options: ['this', 'that']
    };
    await open({ running: true, questions: [question] });
    fireEvent.click(screen.getByText('that'));
    fireEvent.change(screen.getByLabelText('Your answer'), { target: { value: 'neither' } });
    fireEvent.click(screen.getByText('Answer'));
    fireEvent.click(screen.getByText('Decline'));
    expect(asked('answer').map(one => ('answer' in one ? one.answer : null))).toEqual([
      'that',
      'neither',
      null
    ]);
  });
});

describe('the composer', () => {
  it('sends on Enter and breaks the line on Shift+Enter', async () => {
    await open();
    write('hello', { key: 'Enter', shiftKey: true });
    expect(asked('prompt')).toEqual([]);
    write('hello', { key: 'Enter' });
    await waitFor(() => expect(asked('prompt')).toMatchObject([{ text: 'hello' }]));
    expect(field().value).toBe('');
  });

  it('shows a prompt while the server has not taken it yet', async () => {
    const panel = await open();
    pending = new Promise(() => undefined);
    write('are you there?', { key: 'Enter' });
    await frame();
    expect(panel.querySelector('.jp-mod-sending')?.textContent).toBe('are you there?');
  });

  it('leaves Enter to an input method that is composing', async () => {
    await open();
    write('にほ', { key: 'Enter', isComposing: true });
    expect(asked('prompt')).toEqual([]);
  });

  it('steers while it runs, queues with Alt, stops on Escape', async () => {
    await open({ running: true });
    write('use grams', { key: 'Enter' });
    write('then plot', { key: 'Enter', altKey: true });
    fireEvent.keyDown(field(), { key: 'Escape' });
    await waitFor(() => expect(asked('stop')).toHaveLength(1));
    expect(asked('prompt').map(one => ('delivery' in one ? one.delivery : ''))).toEqual([
      'steer',
      'queue'
    ]);
  });

  it('brings the last prompt back on ↑ when it is empty', async () => {
    const message = {
      id: 'm',
      role: 'user' as const,
      parts: [{ type: 'text' as const, text: 'the last one' }],
      created_at: '',
      metadata: {}
    };
    await open({
      entries: [{ type: 'message', message, streaming: false, thinking_durations: [] }]
    });
    write('', { key: 'ArrowUp' });
    expect(field().value).toBe('the last one');
    write('other', { key: 'ArrowUp' });
    expect(field().value).toBe('other');
  });

  it('takes a waiting prompt back', async () => {
    await open({
      queued: [{ id: 'p1', text: 'later', delivery: 'queue', mentions: [], images: [] }]
    });
    fireEvent.click(screen.getByLabelText('Take this prompt back'));
    expect(asked('unqueue')).toMatchObject([{ prompt_id: 'p1' }]);
  });
});

describe('the end of a run', () => {
  it('offers to resume what was interrupted', async () => {
    const panel = await open({ entries: [{ type: 'run', run_id: 'r', status: 'interrupted' }] });
    fireEvent.click(panel.querySelector('[data-action="resume"]') as HTMLElement);
    await waitFor(() => expect(asked('resume')).toHaveLength(1));
  });

  it('says why it failed and leads to the keys when one is missing', async () => {
    const error = { code: 'missing_key', message: 'Provider X needs a key.', retryable: false };
    const panel = await open({
      entries: [{ type: 'run', run_id: 'r', status: 'failed', error }]
    });
    expect(panel.querySelector('.jp-Agent-runEnd')?.textContent).toContain('needs a key');
    fireEvent.click(screen.getByText('Set up models'));
    expect(panel.querySelector('.jp-Agent-setupCard')).not.toBeNull();
  });
});

describe('the beginning', () => {
  it('without any model is the setup card, never the demo by itself', async () => {
    models = [model('x/y', { available: false, reason: 'Needs a key.' }), model('demo')];
    sessions = [];
    const panel = await open(null);
    await act(() => agent.choose({ model: 'x/y' }));
    expect(panel.querySelector('.jp-Agent-setupCard')).not.toBeNull();
    await act(async () => fireEvent.click(screen.getByText('Try the demo')));
    await waitFor(() => expect(asked('prompt')).toMatchObject([{ text: 'Show me.' }]));
  });

  it('warns all the time while nothing is asked', async () => {
    const panel = await open({ mode: 'auto' });
    expect(panel.querySelector('.jp-Agent-banner')?.textContent).toContain('without asking');
  });
});
