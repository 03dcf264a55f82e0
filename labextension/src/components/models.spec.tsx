// Choosing and setting up models: the catalogue at once, then what the providers list; failures are
// told; a server of one's own is added and its models can be chosen.
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentModel } from '../model/agent';
import { fakeDemo } from '../model/fakes';
import type { AgentConnection, AgentServer } from '../model/server';
import type { ProviderInfo } from '../protocol/rest';
import type { Capabilities, ListFailure, ModelInfo, ModelList } from '../protocol/types';
import { overrideOf } from './model-facts';
import { ModelPicker } from './model-picker';
import { isModelId, shownModels } from './model-search';
import type { PanelServices } from './services';
import { ServicesContext } from './services';
import { Setup } from './setup';

const PLAIN: Capabilities = {
  tools: true,
  streaming: true,
  vision: false,
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
  capabilities: PLAIN,
  available: true,
  ...more
});
const PROVIDER: ProviderInfo = {
  name: 'x',
  label: 'Provider X',
  key_variable: 'X_KEY',
  has_key: false,
  base_url: 'https://x.example',
  local: false
};

class FakeServer {
  known: ModelInfo[] = [model('x/y')];
  listed: ModelInfo[] | Error = [model('x/y'), model('x/new')];
  failures: ListFailure[] = [];
  providersNow: ProviderInfo[] = [PROVIDER];
  readonly asked: boolean[] = [];
  readonly saved: [string, object | null][] = [];
  answer: Promise<void> = Promise.resolve();

  status = async (): Promise<object> => ({
    version: '1',
    default_model: null,
    default_mode: 'ask',
    modes: ['ask'],
    open_panel: 'never',
    demo_prompt: '',
    demo_explore_prompt: '',
    looked_for: []
  });

  models = async (live = false): Promise<ModelList> => {
    this.asked.push(live);
    await (live ? this.answer : null);
    if (live && this.listed instanceof Error) {
      throw this.listed;
    }
    const models = live ? (this.listed as ModelInfo[]) : this.known;
    return { models, failures: live ? this.failures : [], live, dated: '2026-11-26' };
  };

  sessions = async (): Promise<[]> => [];
  providers = async (): Promise<ProviderInfo[]> => this.providersNow;
  testProvider = async (): Promise<object> => ({ ok: true, message: 'It answers.' });
  saveProvider = async (name: string, values: object): Promise<void> => {
    this.saved.push([name, values]);
    if (name.includes('://')) {
      const own = { ...PROVIDER, name, label: name, base_url: name, own: true, stored: true };
      this.providersNow = [...this.providersNow, own];
      this.listed = [model('x/y'), model(`${name}#qwen`, { provider: 'custom', label: 'qwen' })];
    }
  };

  forgetProviderKey = async (name: string): Promise<void> => {
    this.saved.push([name, null]);
  };

  saveModel = async (id: string, said: object): Promise<void> => {
    this.saved.push([id, said]);
  };

  resetModel = async (id: string): Promise<void> => {
    this.saved.push([id, null]);
  };
}

// The browser's own; jsdom has no layout to scroll.
Element.prototype.scrollIntoView = () => undefined;

let server: FakeServer;
let agent: AgentModel;
let complaints: unknown[];

beforeEach(() => {
  server = new FakeServer();
  complaints = [];
});

afterEach(cleanup);

async function show(what: JSX.Element): Promise<HTMLElement> {
  const connection = {
    state: 'open',
    welcome: null,
    stateChanged: new Signal<unknown, 'open'>({}),
    sessionsChanged: new Signal<unknown, void>({}),
    lost: false,
    refused: new Signal<unknown, void>({}),
    connect: () => undefined,
    watch: () => () => undefined,
    request: async () => undefined
  } as unknown as AgentConnection;
  agent = new AgentModel(server as unknown as AgentServer, connection);
  await agent.load();
  const services = {
    model: agent,
    demo: fakeDemo(agent),
    trans: nullTranslator.load('jupyter_agent'),
    complain: (error: unknown) => complaints.push(error)
  } as unknown as PanelServices;
  let container!: HTMLElement;
  await act(async () => {
    container = render(
      <ServicesContext.Provider value={services}>{what}</ServicesContext.Provider>
    ).container;
  });
  return container;
}

const openPicker = (): void => {
  fireEvent.click(screen.getByLabelText(/^Model:/));
};
const rows = (): (string | null)[] =>
  screen.getAllByRole('option').map(row => row.getAttribute('data-model'));

describe('the list of models', () => {
  it('shows the catalogue at once, says that it asks, and then what the providers list', async () => {
    let answer!: () => void;
    server.answer = new Promise(resolve => (answer = resolve));
    await show(<ModelPicker />);
    expect(server.asked).toEqual([false]);
    await act(async () => openPicker());
    expect(rows()).toEqual(['x/y']);
    expect(screen.getByText(/Asking the providers/)).toBeTruthy();
    await act(async () => answer());
    await waitFor(() => expect(rows()).toEqual(['x/y', 'x/new']));
    expect(screen.queryByText(/Asking the providers/)).toBeNull();
    expect(server.asked).toEqual([false, true]);
  });

  it('keeps what is marked when another list arrives', async () => {
    let answer!: () => void;
    server.answer = new Promise(resolve => (answer = resolve));
    server.known = [model('x/y'), model('x/z')];
    server.listed = [model('x/a'), model('x/b'), model('x/z'), model('x/y')];
    await show(<ModelPicker />);
    await act(async () => openPicker());
    fireEvent.keyDown(screen.getByRole('combobox'), { key: 'ArrowDown' });
    await act(async () => answer());
    await waitFor(() => expect(rows()).toHaveLength(4));
    const marked = screen.getByRole('option', { selected: true });
    expect(marked.getAttribute('data-model')).toBe('x/z');
  });

  it('tells which provider did not answer, and keeps its models', async () => {
    server.listed = server.known;
    server.failures = [{ provider: 'x', label: 'Provider X', message: 'The key is wrong.' }];
    await show(<ModelPicker />);
    await act(async () => openPicker());
    await waitFor(() => screen.getByText('Provider X did not list its models: The key is wrong.'));
    expect(rows()).toEqual(['x/y']);
  });

  it('stays as it was when the server does not answer', async () => {
    server.listed = new Error('Gone.');
    await show(<ModelPicker />);
    await act(async () => openPicker());
    await waitFor(() => expect(complaints).toHaveLength(1));
    expect(rows()).toEqual(['x/y']);
    expect(screen.queryByText(/Asking the providers/)).toBeNull();
  });

  it('keeps what needs a key out of the way until one types', async () => {
    server.listed = [
      model('x/y'),
      model('z/far', { available: false, reason: 'Needs a key.' }),
      model('z/near', { available: false, reason: 'Needs a key.' })
    ];
    await show(<ModelPicker />);
    await act(async () => openPicker());
    await waitFor(() => screen.getByText(/^2 models need a key/));
    expect(rows()).toEqual(['x/y']);
    fireEvent.change(screen.getByRole('combobox'), { target: { value: 'far' } });
    expect(rows()).toEqual(['z/far']);
    expect(screen.getByText('Needs a key.')).toBeTruthy();
  });

  it('says of each model its size, price and what it can do', async () => {
    const capabilities = { ...PLAIN, vision: true, documents: true, thinking: true, tools: false };
    server.listed = [
      model('x/y', {
        context_window: 200_000,
        price: { input: 3, output: 15 },
        capabilities,
        reason: 'Not in the list Provider X gives now.'
      })
    ];
    await show(<ModelPicker />);
    await act(async () => openPicker());
    const text =
      'x · 200k context · $3 in, $15 out per million · sees images · reads PDF · thinks · no tools';
    await waitFor(() => screen.getByText(text));
    expect(screen.getByText('Not in the list Provider X gives now.')).toBeTruthy();
  });

  it('names what it leaves out of a long list, but never the chosen one', () => {
    const many = Array.from({ length: 300 }, (_, number) => model(`x/${number}`));
    const shown = shownModels(many, many[250], 100);
    expect(shown).toHaveLength(101);
    expect(shown.at(-1)?.id).toBe('x/250');
  });

  it('takes names that are on no list, also of a server of one’s own', () => {
    expect(isModelId('x/other', [model('x/y')])).toBe(true);
    expect(isModelId('X/Y', [model('x/y')])).toBe(false);
    expect(isModelId('http://host/v1#qwen', [])).toBe(true);
    expect(isModelId('http://host/v1', [])).toBe(false);
  });
});

describe('the picker', () => {
  it('leaves the focus where it was sent, and takes it back only when a model was chosen', async () => {
    await show(
      <>
        <ModelPicker />
        <button type="button">elsewhere</button>
      </>
    );
    const elsewhere = screen.getByText('elsewhere');
    const taken = vi.spyOn(screen.getByLabelText(/^Model:/), 'focus');
    await act(async () => openPicker());
    await act(async () => elsewhere.focus());
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(taken).not.toHaveBeenCalled();
    await act(async () => openPicker());
    await act(async () => fireEvent.click(screen.getAllByRole('option')[0] as HTMLElement));
    expect(taken).toHaveBeenCalledOnce();
  });

  it('is closed by its own button', async () => {
    await show(<ModelPicker />);
    await act(async () => openPicker());
    await act(async () => screen.getByLabelText(/^Model:/).focus());
    openPicker();
    expect(screen.queryByRole('dialog')).toBeNull();
  });
});

describe('setting up', () => {
  const select = (): HTMLSelectElement => screen.getByLabelText('Provider');

  it('adds a server of one’s own, whose models are then listed', async () => {
    await show(<Setup close={() => undefined} />);
    fireEvent.change(select(), { target: { value: 'own' } });
    fireEvent.change(screen.getByLabelText('Address'), { target: { value: 'http://host/v1' } });
    await act(async () => fireEvent.click(screen.getByText('Add this server')));
    await waitFor(() => expect(select().value).toBe('http://host/v1'));
    expect(server.saved).toEqual([['http://host/v1', {}]]);
    expect(agent.models.map(one => one.id)).toContain('http://host/v1#qwen');
    await act(async () => fireEvent.click(screen.getByText('Remove this server')));
    expect(server.saved.at(-1)).toEqual(['http://host/v1', null]);
  });

  it('saves a key, tests it, and lists the models again', async () => {
    await show(<Setup close={() => undefined} />);
    fireEvent.change(screen.getByLabelText('Key'), { target: { value: 'sk-1' } });
    await act(async () => fireEvent.click(screen.getByText('Save and test')));
    await waitFor(() => screen.getByText(/It answers/));
    expect(server.saved).toEqual([['x', { key: 'sk-1' }]]);
    expect(server.asked.at(-1)).toBe(true);
  });

  it('goes on showing what the test of a changed address found', async () => {
    server.saveProvider = async (name, values) => {
      server.saved.push([name, values]);
      server.providersNow = [{ ...PROVIDER, ...values }];
    };
    server.testProvider = async () => ({ ok: false, message: 'Nobody answers there.' });
    await show(<Setup close={() => undefined} />);
    const address = (): HTMLInputElement => screen.getByLabelText('Address');
    fireEvent.change(address(), { target: { value: 'http://wrong.example' } });
    await act(async () => fireEvent.click(screen.getByText('Save and test')));
    await waitFor(() => expect(agent.providers[0]?.base_url).toBe('http://wrong.example'));
    expect(screen.getByText(/Nobody answers there/)).toBeTruthy();
    expect(screen.getByText('Test')).toBeTruthy();
    server.providersNow = [PROVIDER];
    await act(() => agent.refreshProviders());
    expect(address().value).toBe('https://x.example');
  });

  it('says where a key comes from, and forgets only what was entered', async () => {
    server.providersNow = [{ ...PROVIDER, has_key: true, key_source: 'environment' }];
    await show(<Setup close={() => undefined} />);
    expect(screen.getByText('Its key comes from X_KEY.')).toBeTruthy();
    expect(screen.queryByText('Forget the key')).toBeNull();
  });

  it('does not offer to change an address that an administrator has set', async () => {
    server.providersNow = [{ ...PROVIDER, locked: true }];
    await show(<Setup close={() => undefined} />);
    expect(screen.getByLabelText<HTMLInputElement>('Address').readOnly).toBe(true);
    expect(screen.getByText('The administrator has set this address.')).toBeTruthy();
  });

  it('sends of corrections only what differs from what is known', () => {
    const known = {
      window: '',
      input: '',
      output: '',
      tools: true,
      vision: false,
      thinking: false
    };
    expect(overrideOf(known, known)).toEqual({});
    expect(
      overrideOf({ ...known, window: '8000', input: '1', output: '2', vision: true }, known)
    ).toEqual({
      context_window: 8000,
      price: { input: 1, output: 2 },
      capabilities: { vision: true }
    });
  });

  it('keeps corrections of a model', async () => {
    await show(<Setup close={() => undefined} />);
    fireEvent.change(screen.getByLabelText('Model'), { target: { value: 'x/y' } });
    fireEvent.click(screen.getByLabelText('Sees images'));
    await act(async () => fireEvent.click(screen.getByText('Keep')));
    await waitFor(() => screen.getByText(/Kept/));
    expect(server.saved).toEqual([['x/y', { capabilities: { vision: true } }]]);
  });
});
