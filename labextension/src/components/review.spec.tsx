// What a person does with the agent's changes: keep, undo, insist, restore; and what is said of it.
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Draft } from '../model/draft';
import { SessionModel } from '../model/session';
import type { AgentConnection } from '../model/server';
import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import type { Message, ReviewCell, Transcript } from '../protocol/types';
import { announcement } from './announcer';
import { Restore } from './restore';
import { ReviewBar } from './review-bar';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

const trans = nullTranslator.load('jupyter_agent');
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
const DELETED: ReviewCell = { ...CELL, cell_id: 'two', kind: 'deleted', after: '', added: 0 };
const CONFLICT: ReviewCell = { ...CELL, state: 'conflict', current: 'x = mine' };
const MESSAGE: Message = {
  id: 'm1',
  role: 'user',
  parts: [{ type: 'text', text: 'tidy up' }],
  created_at: '2026-01-01T00:00:00Z',
  metadata: { replaced: false } as unknown as Message['metadata']
};
const CHECKPOINT = {
  id: 'k',
  run_id: 'r',
  path: 'a.ipynb',
  created_at: '2026-01-01T00:00:00Z',
  message_id: 'm1',
  prompt: 'tidy up'
};

let requests: Record<string, unknown>[];
let refusal: Error | null;
let transcript: Transcript;
let session: SessionModel;
let goBack: ReturnType<typeof vi.fn>;
let reveal: ReturnType<typeof vi.fn>;
let draft: Draft;

beforeEach(() => {
  requests = [];
  refusal = null;
  goBack = vi.fn(async () => undefined);
  reveal = vi.fn();
  draft = new Draft();
});
afterEach(cleanup);

function show(element: (session: SessionModel) => JSX.Element, given: Partial<Transcript>): void {
  transcript = { ...EMPTY_TRANSCRIPT, ...given };
  const connection = {
    state: 'open',
    welcome: null,
    stateChanged: new Signal({}),
    sessionsChanged: new Signal({}),
    lost: false,
    refused: new Signal({}),
    watch: (_: string, watcher: { snapshot: (transcript: Transcript) => void }) => {
      queueMicrotask(() => watcher.snapshot(transcript));
      return () => undefined;
    },
    request: async (frame: Record<string, unknown>) => {
      requests.push(frame);
      if (refusal) {
        throw refusal;
      }
    }
  } as unknown as AgentConnection;
  session = new SessionModel('s', connection);
  const services = {
    model: { notebook: 'a.ipynb', goBack },
    trans,
    notebook: { reveal },
    draft
  } as unknown as PanelServices;
  render(<ServicesContext.Provider value={services}>{element(session)}</ServicesContext.Provider>);
}

function showBar(review: ReviewCell[], more: Partial<Transcript> = {}): void {
  show(one => <ReviewBar session={one} transcript={{ ...transcript }} />, { review, ...more });
}

async function click(name: RegExp | string): Promise<void> {
  await act(async () => {
    fireEvent.click(screen.getByRole('button', { name }));
    await new Promise(resolve => setTimeout(resolve));
  });
}

const asked = (): unknown[] => requests.map(({ type, cell_id, force }) => [type, cell_id, force]);

describe('the review bar', () => {
  it('counts what changed and settles all of it', async () => {
    showBar([CELL, DELETED]);
    expect(screen.getByRole('region').textContent).toContain('2 cells changed');
    await click('Keep all');
    await click('Undo all');
    expect(asked()).toEqual([
      ['keep', undefined, undefined],
      ['undo', undefined, false]
    ]);
  });

  it('lists each cell with its diff, leading there', async () => {
    showBar([CELL]);
    await click(/1 cell changed/);
    await click('[4]');
    expect(reveal.mock.calls[0]?.[0]).toMatchObject({ cell_id: 'one', path: 'a.ipynb' });
    await click('What changed in [4]');
    expect(screen.getByRole('group', { name: '1 lines added, 1 removed' })).toBeTruthy();
    await click('Keep [4]');
    await click('Undo [4]');
    expect(asked()).toEqual([
      ['keep', 'one', undefined],
      ['undo', 'one', false]
    ]);
  });

  it('shows a deleted cell as a tombstone with Restore', async () => {
    showBar([DELETED]);
    await click(/1 cell changed/);
    expect(document.querySelector('.jp-Agent-tombstone')?.textContent).toBe('[4]');
    expect(screen.queryByTitle('Show the cell')).toBeNull();
    await click('Restore [4]');
    expect(asked()).toEqual([['undo', 'two', false]]);
  });

  it('leaves what the person changed alone until they insist', async () => {
    showBar([CONFLICT]);
    expect(screen.getByRole('region').textContent).toContain('You changed 1 cell since');
    await click(/1 cell changed/);
    const text = screen.getByRole('listitem').textContent;
    expect(text).toContain('x = mine');
    expect(text).toContain('x = 2');
    await click('Undo anyway [4]');
    expect(asked()).toEqual([['undo', 'one', true]]);
  });

  it('undoes nothing while the agent works, and says why', () => {
    showBar([CELL], { running: true });
    const undo = screen.getByRole<HTMLButtonElement>('button', { name: 'Undo all' });
    expect([undo.disabled, undo.title]).toEqual([true, 'Stop the agent first']);
  });

  it('says what went wrong', async () => {
    refusal = new Error('a.ipynb is read-only.');
    showBar([CELL]);
    await click('Undo all');
    expect(screen.getByRole('alert').textContent).toBe('a.ipynb is read-only.');
  });
});

describe('restoring to before a prompt', () => {
  const entries: Transcript['entries'] = [
    { type: 'message', message: MESSAGE, streaming: false, thinking_durations: [] }
  ];
  const form = (one: SessionModel): JSX.Element => (
    <Restore session={one} message={MESSAGE}>
      {toggle => toggle}
    </Restore>
  );
  const open = async (): Promise<void> => {
    await click('Restore to before this prompt…');
    await act(async () => {
      await new Promise(resolve => requestAnimationFrame(resolve));
    });
  };

  it('says first what will happen, then does it', async () => {
    show(form, { entries, checkpoints: [CHECKPOINT] });
    await act(async () => undefined);
    await open();
    expect(document.querySelector('[data-consequence]')?.textContent).toContain('in a.ipynb');
    expect(requests).toEqual([]);
    await click('Restore');
    expect(requests).toEqual([{ type: 'restore', message_id: 'm1', session_id: 's' }]);
    expect(goBack).not.toHaveBeenCalled();
  });

  it('takes both back: the notebook first', async () => {
    show(form, { entries, checkpoints: [CHECKPOINT] });
    await act(async () => undefined);
    await open();
    fireEvent.click(screen.getByLabelText('Both'));
    await click('Restore');
    expect(requests).toHaveLength(1);
    expect(goBack).toHaveBeenCalledWith('m1');
    expect(draft.text).toBe('tidy up');
  });

  it('offers the conversation alone when no notebook was changed', async () => {
    show(form, { entries });
    await act(async () => undefined);
    await open();
    expect(screen.getByLabelText<HTMLInputElement>('The notebook').disabled).toBe(true);
    await click('Restore');
    expect(requests).toEqual([]);
    expect(goBack).toHaveBeenCalledOnce();
  });
});

describe('what is announced', () => {
  const of = (review: ReviewCell[], running = false): Transcript => ({
    ...EMPTY_TRANSCRIPT,
    review,
    running
  });

  it('tells of changes when a run ends, of what is left, and of conflicts', () => {
    expect(announcement(of([CELL], true), of([CELL]), trans)).toContain('1 changed cell can be');
    expect(announcement(of([CELL, DELETED]), of([CELL]), trans)).toContain(
      '1 changed cell is left'
    );
    expect(announcement(of([CELL]), of([]), trans)).toContain('No change is left');
    expect(announcement(of([CELL]), of([CONFLICT]), trans)).toContain('left alone');
  });
});
