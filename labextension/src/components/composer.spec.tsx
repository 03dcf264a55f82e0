// The composer's list by keyboard and mouse, what is sent with a prompt, and its commands.
import { RenderMimeRegistry } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import type { RenderResult } from '@testing-library/react';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentModel } from '../model/agent';
import { Draft } from '../model/draft';
import { fakeDemo } from '../model/fakes';
import type { AgentConnection, AgentServer } from '../model/server';
import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import type { Transcript } from '../protocol/types';
import { builtinCards } from './cards';
import { Composer } from './composer';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

type Request = Parameters<AgentConnection['request']>[0];

const CELL = {
  id: 'c1',
  path: 'a.ipynb',
  place: '[1]',
  firstLine: 'x = 1',
  hasOutput: true,
  failed: false
};

let requests: Request[];
let draft: Draft;
let agent: AgentModel;
let refusal: Error | null;
let services: PanelServices;

beforeEach(() => {
  // jsdom draws nothing, and so cannot scroll.
  Element.prototype.scrollIntoView = vi.fn();
  requests = [];
  refusal = null;
  draft = new Draft();
});
afterEach(cleanup);

async function open(transcript: Partial<Transcript> = {}): Promise<RenderResult> {
  const owner = {};
  const current = { ...EMPTY_TRANSCRIPT, model: 'x/y', ...transcript };
  const connection: AgentConnection = {
    state: 'open',
    welcome: null,
    stateChanged: new Signal<unknown, 'open'>(owner),
    sessionsChanged: new Signal<unknown, void>(owner),
    lost: false,
    refused: new Signal<unknown, void>(owner),
    connect: () => undefined,
    watch: (_, watcher) => {
      watcher.snapshot(current);
      return () => undefined;
    },
    request: async frame => {
      requests.push(frame);
      if (refusal) {
        throw refusal;
      }
    }
  };
  const server = {
    status: async () => ({ default_model: 'x/y', default_mode: 'ask', modes: ['plan', 'ask'] }),
    models: async () => ({ models: [], failures: [], live: false, dated: '' }),
    sessions: async () => [{ id: 's', notebook_path: 'a.ipynb' }]
  } as unknown as AgentServer;
  agent = new AgentModel(server, connection);
  agent.follow('a.ipynb');
  await agent.load();
  services = {
    model: agent,
    demo: fakeDemo(agent),
    trans: nullTranslator.load('jupyter_agent'),
    rendermime: new RenderMimeRegistry(),
    highlight: null,
    cards: builtinCards(),
    notebook: {
      reveal: vi.fn(),
      insertBelow: vi.fn(),
      replaceActive: vi.fn(),
      restartKernel: vi.fn(),
      promptAbout: verb => ({ text: `${verb} cell [1]`, notebook: 'a.ipynb', mentions: [] })
    },
    draft,
    mentions: {
      notebook: 'a.ipynb',
      hasCells: true,
      cells: vi.fn(() => [CELL, { ...CELL, id: 'c2', place: '[2]', firstLine: 'y\u202e = 2' }]),
      selection: () => null,
      variables: async () => ({ variables: [], problem: 'The kernel is busy.' }),
      files: async () => ({ files: ['a.csv'], more: false })
    },
    download: vi.fn(),
    complain: vi.fn()
  };
  const shownNow = render(
    <ServicesContext.Provider value={services}>
      <Composer transcript={current} disabled={false} />
    </ServicesContext.Provider>
  );
  field().focus();
  return shownNow;
}

const field = (): HTMLTextAreaElement => screen.getByLabelText('Message to the agent');
const shown = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('[data-offer]')];
const options = (): string[] => shown().map(one => one.dataset.offer ?? '');
const marked = (): string | undefined =>
  shown().find(one => one.getAttribute('aria-selected') === 'true')?.dataset.offer;

function type(text: string): void {
  fireEvent.change(field(), { target: { value: text } });
  fireEvent.select(field());
}

async function press(key: string, more: object = {}): Promise<void> {
  await act(async () => {
    fireEvent.keyDown(field(), { key, ...more });
  });
}

describe('the list', () => {
  it('is a combobox while it is open, moves by arrows around its ends, and is left by Escape', async () => {
    await open();
    expect(field().getAttribute('role')).toBeNull();
    type('@cell:');
    expect(field().getAttribute('role')).toBe('combobox');
    expect(options()).toEqual(['@cell:[1]', '@cell:[2]']);
    const active = field().getAttribute('aria-activedescendant') ?? '';
    expect(document.getElementById(active)?.getAttribute('aria-selected')).toBe('true');
    await press('ArrowDown');
    expect(marked()).toBe('@cell:[2]');
    await press('ArrowDown');
    expect(marked()).toBe('@cell:[1]');
    await press('ArrowUp');
    expect(marked()).toBe('@cell:[2]');
    await press('Escape');
    expect(options()).toEqual([]);
    type('@cell:[');
    expect(options()).toEqual([]);
    type('new @cell:[');
    expect(options()).toHaveLength(2);
    expect(requests).toEqual([]);
  });

  it('reads the notebook only when cells can be mentioned', async () => {
    await open();
    type('a plain sentence');
    act(() => draft.say({ kind: 'info', text: 'drawn again' }));
    type('/hel');
    expect(options()).toEqual(['/help']);
    expect(services.mentions.cells).not.toHaveBeenCalled();
    type('@cell:');
    expect(services.mentions.cells).toHaveBeenCalled();
  });

  it('shows what cannot be seen', async () => {
    await open();
    type('@cell:[2');
    expect(shown()[0]?.textContent).toContain('⟨U+202E⟩');
  });

  it('goes on from a kind to its things, by Enter, Tab or mouse', async () => {
    await open();
    type('@ce');
    await press('Enter');
    expect(field().value).toBe('@cell:');
    await press('Tab');
    expect(field().value).toBe('@cell:[1] ');
    type('@cell:[1] @cell:[2');
    await act(async () => fireEvent.click(shown()[0] as HTMLElement));
    expect(field().value).toBe('@cell:[1] @cell:[2] ');
    await press('Enter');
    expect(requests).toMatchObject([
      {
        type: 'prompt',
        text: '@cell:[1] @cell:[2]',
        mentions: [{ cell_id: 'c1' }, { cell_id: 'c2' }]
      }
    ]);
    expect(draft.mentions).toEqual([]);
  });

  it('says why there are no variables', async () => {
    await open();
    type('@variable:');
    await waitFor(() => expect(document.body.textContent).toContain('The kernel is busy.'));
    expect(field().getAttribute('role')).toBeNull();
  });

  it('leaves the keys alone where it is not open, and to input methods', async () => {
    await open();
    type('@cell:');
    await press('Enter', { isComposing: true });
    expect(field().value).toBe('@cell:');
    await press('Enter', { shiftKey: true });
    expect(field().value).toBe('@cell:');
    expect(requests).toEqual([]);
  });
});

describe('a mention', () => {
  it('is taken out by its chip, and by one Backspace', async () => {
    await open();
    type('see @cell:[1');
    await press('Enter');
    fireEvent.click(screen.getByLabelText('Remove @cell:[1]'));
    expect(field().value).toBe('see ');
    type('see @cell:[1');
    await press('Enter');
    type('see @cell:[1]');
    await press('Backspace');
    expect(field().value).toBe('see ');
  });

  it('is still there when the prompt was refused', async () => {
    await open();
    refusal = new Error('no');
    type('@cell:[1');
    await press('Enter');
    await press('Enter');
    await waitFor(() => expect(services.complain).toHaveBeenCalled());
    expect(field().value).toBe('@cell:[1] ');
    expect(draft.mentions).toHaveLength(1);
  });

  it('comes back with the last prompt', async () => {
    const mention = { kind: 'variable' as const, label: '@df', name: 'df' };
    const image = { type: 'image' as const, media_type: 'image/png', data: 'cGl4ZWxz' };
    const message = {
      id: 'm',
      role: 'user' as const,
      created_at: '',
      metadata: {},
      parts: [
        { type: 'text' as const, text: 'why @df' },
        image,
        { type: 'mention' as const, mention, status: 'ok' as const, content: [] }
      ]
    };
    await open({
      entries: [{ type: 'message', message, streaming: false, thinking_durations: [] }]
    });
    await press('ArrowUp');
    expect(field().value).toBe('why @df');
    expect(draft.mentions).toEqual([mention]);
    expect(draft.images).toEqual([image]);
  });
});

describe('what was attached or written', () => {
  const IMAGE = { type: 'image' as const, media_type: 'image/png', data: 'cGl4ZWxz' };
  const png = new File(['pixels'], 'plot.png', { type: 'image/png' });
  const pictures = (): HTMLElement[] => screen.queryAllByLabelText('Remove the picture');
  const clipboard = (files: File[], text: string): object => ({
    clipboardData: { files, types: ['Files'], getData: () => text }
  });

  it('survives a look at something else, and is sent once', async () => {
    const { unmount } = await open();
    await act(async () => fireEvent.paste(field(), clipboard([png], '')));
    await waitFor(() => expect(pictures()).toHaveLength(1));
    unmount();
    await open();
    expect(pictures()).toHaveLength(1);
    type('what is this?');
    await press('Enter');
    expect(requests).toMatchObject([{ text: 'what is this?', images: [IMAGE] }]);
    expect(pictures()).toHaveLength(0);
  });

  it('is a text where cells of a table were copied, and pictures where files were', async () => {
    await open();
    const pasted = (files: File[], text: string): boolean =>
      !fireEvent.paste(field(), clipboard(files, text));
    expect(pasted([png], '1\t2\n3\t4')).toBe(false);
    expect(pasted([png], 'plot.png')).toBe(true);
    await waitFor(() => expect(pictures()).toHaveLength(1));
  });

  it('never takes the browser away from Jupyter, whatever is dropped', async () => {
    await open();
    const table = new File(['1,2'], 'table.csv', { type: 'text/csv' });
    const dataTransfer = { files: [table, png], types: ['Files'] };
    const left = await act(async () => fireEvent.drop(field(), { dataTransfer }));
    expect(left).toBe(false);
    expect(draft.note?.text).toContain('table.csv cannot be attached');
    await waitFor(() => expect(pictures()).toHaveLength(1));
  });

  it('is kept beside what is being written when it was refused, and comes back whole', async () => {
    await open();
    refusal = new Error('no');
    draft.attach([IMAGE]);
    type('first');
    fireEvent.keyDown(field(), { key: 'Enter' });
    type('second');
    await waitFor(() => expect(services.complain).toHaveBeenCalled());
    expect(field().value).toBe('second');
    expect(draft.kept).toMatchObject([{ text: 'first', images: [IMAGE] }]);
  });

  it('comes back from the queue, also while something else is written', async () => {
    const queued = [
      { id: 'p1', text: 'later', delivery: 'queue' as const, mentions: [], images: [IMAGE] }
    ];
    await open({ running: true, queued });
    type('meanwhile');
    await act(async () => fireEvent.click(screen.getByLabelText('Take this prompt back')));
    expect(requests).toMatchObject([{ type: 'unqueue', prompt_id: 'p1' }]);
    expect(field().value).toBe('meanwhile');
    fireEvent.click(screen.getByLabelText('Write on with this prompt'));
    expect(field().value).toBe('later');
    expect(pictures()).toHaveLength(1);
    expect(draft.kept).toMatchObject([{ text: 'meanwhile' }]);
    fireEvent.click(screen.getByLabelText('Forget this prompt'));
    expect(draft.kept).toEqual([]);
  });

  it('stays in the queue when the agent has it already', async () => {
    const queued = [
      { id: 'p1', text: 'later', delivery: 'steer' as const, mentions: [], images: [] }
    ];
    await open({ running: true, queued });
    refusal = new Error('This prompt waits no longer.');
    await act(async () => fireEvent.click(screen.getByLabelText('Take this prompt back')));
    expect(services.complain).toHaveBeenCalledWith(refusal);
    expect(field().value).toBe('');
  });
});

describe('a command', () => {
  const sent = (): unknown[] => requests.map(({ type: _, ...frame }) => frame);

  it('is carried out by Enter in the list, and only written by Tab', async () => {
    await open();
    type('/hel');
    await press('Tab');
    expect(field().value).toBe('/help ');
    type('/hel');
    await press('Enter');
    expect(field().value).toBe('');
    await waitFor(() => expect(document.body.textContent).toContain('Begin a new conversation'));
    expect(requests).toEqual([]);
  });

  it('about the active cell makes a prompt', async () => {
    await open();
    type('/fix quickly');
    await press('Enter');
    expect(sent()).toMatchObject([{ text: 'fix cell [1]\n\nquickly' }]);
  });

  it('/plan sends its words in plan mode alone', async () => {
    await open();
    type('/plan');
    await press('Escape');
    await press('Enter');
    expect(draft.note?.kind).toBe('problem');
    type('/plan a change');
    await press('Enter');
    expect(sent()).toMatchObject([{ text: 'a change', mode: 'plan' }]);
  });

  it('/compact, /mode and /stop reach the session', async () => {
    await open();
    type('/compact ');
    await press('Enter');
    type('/mode plan ');
    await press('Enter');
    expect(requests).toMatchObject([{ type: 'compact' }, { type: 'configure', mode: 'plan' }]);
    type('/stop ');
    await press('Enter');
    await waitFor(() => expect(draft.note?.text).toContain('/stop'));
  });

  it('that does not exist is not sent, and the nearest is offered', async () => {
    await open();
    type('/verfy now');
    await press('Enter');
    expect(requests).toEqual([]);
    expect(field().value).toBe('/verfy now');
    fireEvent.click(screen.getByText('Write /verify'));
    expect(field().value).toBe('/verify ');
    type('//verfy now');
    await press('Enter');
    expect(sent()).toMatchObject([{ text: '/verfy now' }]);
  });
});
