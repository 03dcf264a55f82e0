// Small parts of the panel: what things cost, how a plan stands, a card's icon, copying, the filter
// of the sessions, notices in the person's language, the height of the prompt's field.
import type { TranslationBundle } from '@jupyterlab/translation';
import { nullTranslator } from '@jupyterlab/translation';
import { LabIcon } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Draft } from '../model/draft';
import type { SessionModel } from '../model/session';
import type { Budget, NoticeEntry, ToolCallPart, ToolState, Usage } from '../protocol/types';
import { builtinCards } from './cards';
import { CopyButton } from './code-block';
import { Meter } from './meter';
import { PromptField } from './prompt-field';
import { Notice } from './run-end';
import type { PanelServices } from './services';
import { ServicesContext } from './services';
import { Sessions } from './sessions';
import { ToolCardView } from './tool-card';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9" /></svg>';

const cards = builtinCards();
let model: { notebook: string | null };
let complaints: unknown[];
let trans: TranslationBundle;

beforeEach(() => {
  complaints = [];
  trans = nullTranslator.load('jupyter_agent');
  model = { notebook: 'a.ipynb' };
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function services(): PanelServices {
  const sessions = [{ id: 'b', title: 'Of b', notebook_path: 'b.ipynb', updated_at: '2026-01-01' }];
  return {
    model: {
      get notebook() {
        return model.notebook;
      },
      session: null,
      sessions: {
        sessions,
        ofNotebook: (path: string | null) => sessions.filter(one => one.notebook_path === path),
        refresh: async () => undefined
      },
      changed: new Signal<object, void>({})
    },
    trans,
    cards,
    mentions: { notebook: null, hasCells: false, cells: () => [], selection: () => null },
    complain: (error: unknown) => complaints.push(error)
  } as unknown as PanelServices;
}

function show(element: JSX.Element): HTMLElement {
  const wrapper = ({ children }: React.PropsWithChildren): JSX.Element => (
    <ServicesContext.Provider value={services()}>{children}</ServicesContext.Provider>
  );
  return render(element, { wrapper }).container;
}

describe('the meter', () => {
  const usage = { input: 1, output: 1, total: 12_410 } as unknown as Usage;
  const budget = (more: Partial<Budget>): Budget => ({
    type: 'budget',
    usage,
    session_usage: usage,
    ...more
  });
  it.each([
    [{}, '12,410 tokens'],
    [{ cost: 0.04, session_cost: 0.04 }, '12,410 tokens · $0.04'],
    [{ cost: 0.04, session_cost: 0.04, max_cost: 1 }, '12,410 tokens · $0.04 of $1.00'],
    [
      { cost: 0.04, session_cost: 0.3, max_cost: 1, context_tokens: 18, context_window: 100 },
      '18 % context · 12,410 tokens · $0.30 · last run $0.04 of $1.00'
    ],
    [{ session_cost: 0.3, max_cost: 1 }, '12,410 tokens · $0.30']
  ])('%j', (more, words) => {
    const number = vi.spyOn(Number.prototype, 'toLocaleString').mockReturnValue('12,410');
    expect(show(<Meter budget={budget(more)} />).textContent).toBe(words);
    number.mockRestore();
  });
});

describe('a tool card', () => {
  const call = (name: string, given: ToolCallPart['arguments']): JSX.Element => {
    const part = { type: 'tool_call', id: 'c', name, arguments: given, arguments_raw: '' };
    const nothing = { title: '', summary: '', text: '', cells: [], preview: [] };
    const tool = { call_id: 'c', tool_name: name, status: 'ok', ...nothing };
    return <ToolCardView call={part as unknown as ToolCallPart} tool={tool as ToolState} />;
  };

  it('tells how the items of a plan stand', () => {
    const items = [
      { text: 'read', status: 'done' },
      { text: 'plot', status: 'in_progress' },
      { text: 'write', status: 'open' }
    ];
    show(call('update_plan', { items }));
    const told = screen
      .getAllByRole('listitem')
      .map(item => [
        item.querySelector('[role="img"]')?.getAttribute('aria-label'),
        item.textContent
      ]);
    expect(told).toEqual([
      ['Done', '☑ read'],
      ['Under way', '◐ plot'],
      ['To do', '☐ write']
    ]);
  });

  it('shows the icon another extension gave it', () => {
    const icon = new LabIcon({ name: 'test:icon', svgstr: SVG });
    cards.add('their_tool', { icon });
    const card = show(call('their_tool', {}));
    expect(card.querySelector('.jp-Agent-toolIcon path')).not.toBeNull();
  });
});

describe('copying', () => {
  const copy = (): Promise<void> =>
    act(async () => void fireEvent.click(screen.getByRole('button')));

  it('works over plain http, where there is no clipboard to write to', async () => {
    let copied = '';
    document.execCommand = () => {
      copied = (document.activeElement as HTMLTextAreaElement).value;
      return true;
    };
    show(<CopyButton text="x = 1" />);
    screen.getByLabelText('Copy').focus();
    await copy();
    expect(copied).toBe('x = 1');
    expect(document.activeElement).toBe(screen.getByLabelText('Copied'));
    expect(document.querySelector('textarea')).toBeNull();
  });

  it('says so when the browser refuses', async () => {
    document.execCommand = () => false;
    show(<CopyButton text="x = 1" />);
    await copy();
    expect(String(complaints[0])).toContain('does not let Jupyter copy');
    expect(screen.queryByLabelText('Copied')).toBeNull();
  });
});

it('lists all sessions when the notebook they were narrowed to is closed', () => {
  const list = (): JSX.Element => <Sessions close={() => undefined} />;
  const { rerender } = render(list(), {
    wrapper: ({ children }: React.PropsWithChildren) => (
      <ServicesContext.Provider value={services()}>{children}</ServicesContext.Provider>
    )
  });
  expect(screen.queryByText('Of b')).toBeNull();
  model.notebook = null;
  rerender(list());
  expect(screen.getByText('Of b')).toBeTruthy();
});

it.each([
  ['retry', { message: 'No capacity.', delay: 2.4 }, '!%1 Trying again in %2 s. No capacity.,2'],
  [
    'context_compacted',
    { before: 900, after: 100 },
    '!Older turns were summarised for the model: %1 → %2 tokens. 900,100'
  ],
  ['other', null, 'As the server said it.']
])('a notice of %s is in the person’s language', (code, values, words) => {
  trans = { __: (text: string, ...args: unknown[]) => `!${text} ${args.join()}` } as never;
  const text = 'As the server said it.';
  const entry: NoticeEntry = { type: 'notice', level: 'info', text, code, values };
  const session = {} as SessionModel;
  const notice = <Notice entry={entry} session={session} live={true} last={false} />;
  expect(show(notice).textContent).toBe(words);
});

it('the prompt’s field is measured again once the panel is shown', () => {
  const size = { width: 0, height: 0 };
  let resized: () => void = () => undefined;
  class FakeResizeObserver {
    constructor(callback: () => void) {
      resized = callback;
    }
    observe(): void {}
    disconnect(): void {}
  }
  vi.stubGlobal('ResizeObserver', FakeResizeObserver);
  const { prototype } = HTMLTextAreaElement;
  vi.spyOn(prototype, 'scrollHeight', 'get').mockImplementation(() => size.height);
  vi.spyOn(prototype, 'offsetWidth', 'get').mockImplementation(() => size.width);
  const nothing = (): void => undefined;
  show(
    <PromptField
      draft={new Draft()}
      running={false}
      send={nothing}
      stop={nothing}
      paste={nothing}
      recall={() => null}
    />
  );
  const { style } = screen.getByRole('textbox');
  expect(style.height).toBe('2px');
  Object.assign(size, { width: 280, height: 60 });
  resized();
  expect(style.height).toBe('62px');
});
