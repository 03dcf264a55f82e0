// Session events → what the panel shows, by the same rules as `jupyter_agent/protocol/transcript.py`.
// `snapshot()` shares everything that did not change since the one before, so that a view can
// compare by identity.
import { moved } from './paths';
import { MessageBuilder } from './reduce';
import type {
  Entry,
  Message,
  NoticeEntry,
  ReviewCell,
  SessionEvent,
  ToolState,
  Transcript
} from './types';

type EventOf<T extends SessionEvent['type']> = Extract<SessionEvent, { type: T }>;

/** A session before anything happened. */
export const EMPTY_TRANSCRIPT: Transcript = {
  entries: [],
  tools: {},
  approvals: [],
  questions: [],
  queued: [],
  review: [],
  checkpoints: [],
  running: false,
  turn: 0,
  title: '',
  model: '',
  mode: 'ask'
};

const UNFINISHED = new Set<ToolState['status']>(['waiting', 'approval', 'running']);

/** Applies session events one by one; deterministic, without I/O. */
export class TranscriptBuilder {
  constructor(start: Transcript = EMPTY_TRANSCRIPT) {
    this.state = start;
    this.entries = [...start.entries];
    this.tools = { ...start.tools };
    this.entries.forEach((entry, at) => {
      if (entry.type === 'message' && entry.streaming) {
        this.openMessage(entry.message, at);
        this.durations = entry.thinking_durations;
      }
    });
  }

  /** Apply one event. */
  apply(event: SessionEvent): void {
    this.current = null;
    switch (event.type) {
      case 'run_start':
        return this.set({
          running: true,
          run_id: event.run_id,
          run_started_at: event.started_at,
          model: event.model,
          mode: event.mode,
          turn: 0
        });
      case 'run_end':
        return this.endRun(event);
      case 'turn_start':
        return this.set({ turn: event.turn });
      case 'message_start':
        return this.startMessage(event.message);
      case 'tool_call_start':
        this.appendContent(event);
        return this.setTool({
          ...newTool(event.id, event.name),
          title: event.name
        });
      case 'text_delta':
      case 'thinking_delta':
      case 'thinking_end':
      case 'tool_call_delta':
      case 'tool_call_end':
      case 'message_end':
        return this.appendContent(event);
      case 'approval_start':
      case 'approval_end':
      case 'question_start':
      case 'question_end':
        return this.applyRequest(event);
      case 'tool_start':
      case 'tool_update':
      case 'tool_end':
        return this.applyTool(event);
      case 'notice':
        return this.addNotice(event.level, event.text, event.code, event.path);
      case 'retry': {
        const { delay, error } = event;
        const text = `${error.message} Trying again in ${roundHalfEven(Math.max(1, delay))} s.`;
        // One line for all attempts of a request.
        const last = this.entries.at(-1);
        const again = last?.type === 'notice' && last.code === 'retry';
        this.setEntry(this.entries.length - (again ? 1 : 0), {
          type: 'notice',
          level: 'warning',
          text,
          code: 'retry',
          values: { message: error.message, delay, attempt: event.attempt }
        });
        return undefined;
      }
      case 'context_compacted': {
        const { before, after } = event;
        const text = `Older turns were summarised for the model: ${before} → ${after} tokens.`;
        return this.addNotice('info', text, 'context_compacted', undefined, { before, after });
      }
      case 'budget':
        return this.set({ budget: event });
      case 'queue_change':
        return this.set({ queued: event.queued });
      case 'review_change':
        return this.set({ review: reviewed(this.state.review, event.cells) });
      case 'checkpoint_change':
        return this.set({ checkpoints: event.checkpoints });
      case 'notebook_move':
        return this.follow(event.path, event.to);
      case 'session_change': {
        const { type: _, ...changes } = event;
        const known = Object.entries(changes).filter(([, value]) => value != null);
        return this.set(Object.fromEntries(known));
      }
      default:
        return undefined;
    }
  }

  /** Return the transcript so far. */
  snapshot(): Transcript {
    if (this.current === null) {
      this.flush(true);
      this.sharedEntries ??= [...this.entries];
      this.sharedTools ??= { ...this.tools };
      this.current = { ...this.state, entries: this.sharedEntries, tools: this.sharedTools };
    }
    return this.current;
  }

  private set(changes: Partial<Transcript>): void {
    this.state = { ...this.state, ...changes };
  }

  private setTool(tool: ToolState): void {
    this.tools[tool.call_id] = tool;
    this.sharedTools = null;
  }

  private setEntry(at: number, entry: Entry): void {
    this.entries[at] = entry;
    this.sharedEntries = null;
  }

  private startMessage(message: Message): void {
    this.closeMessage();
    if (message.role === 'tool') {
      return;
    }
    const streaming = message.role === 'assistant';
    const entry: Entry = { type: 'message', message, streaming, thinking_durations: [] };
    this.setEntry(this.entries.length, entry);
    if (streaming) {
      this.openMessage(message, this.entries.length - 1);
    }
  }

  private openMessage(message: Message, at: number): void {
    const { parts, metadata, ...start } = message;
    this.builder = new MessageBuilder(start, parts, metadata);
    this.builderAt = at;
    this.builderId = message.id;
    this.durations = [];
  }

  private appendContent(event: SessionEvent & { message_id: string }): void {
    if (this.builder === null || event.message_id !== this.builderId) {
      return;
    }
    this.builder.append(event);
    this.grown = true;
    if (event.type === 'thinking_end') {
      this.durations = [...this.durations, event.duration ?? 0];
    } else if (event.type === 'message_end') {
      this.closeMessage();
    }
  }

  private flush(streaming: boolean): void {
    if (this.builder !== null && (this.grown || !streaming)) {
      const message = this.builder.build();
      const thinking_durations = this.durations;
      this.setEntry(this.builderAt, { type: 'message', message, streaming, thinking_durations });
      this.grown = false;
    }
  }

  private closeMessage(): void {
    this.flush(false);
    this.builder = null;
  }

  private endRun(event: EventOf<'run_end'>): void {
    this.closeMessage();
    for (const tool of Object.values(this.tools)) {
      if (UNFINISHED.has(tool.status)) {
        this.setTool({ ...tool, status: 'interrupted' });
      }
    }
    this.set({ running: false, approvals: [], questions: [], run_started_at: undefined });
    if (event.status !== 'done') {
      const { run_id, status, error } = event;
      this.setEntry(this.entries.length, { type: 'run', run_id, status, error });
    }
  }

  private applyRequest(
    event: EventOf<'approval_start' | 'approval_end' | 'question_start' | 'question_end'>
  ): void {
    const { approvals, questions } = this.state;
    if (event.type === 'approval_start') {
      const { title, preview } = event;
      this.setTool({ ...this.tool(event), status: 'approval', title, preview });
      this.set({ approvals: [...approvals, event] });
    } else if (event.type === 'approval_end') {
      const tool = this.tools[event.call_id];
      if (tool) {
        this.setTool({ ...tool, status: event.decision === 'allow' ? 'waiting' : 'denied' });
      }
      this.set({ approvals: approvals.filter(one => one.approval_id !== event.approval_id) });
    } else if (event.type === 'question_start') {
      this.set({ questions: [...questions, event] });
    } else {
      this.set({ questions: questions.filter(one => one.question_id !== event.question_id) });
    }
  }

  private applyTool(event: EventOf<'tool_start' | 'tool_update' | 'tool_end'>): void {
    const tool = this.tool(event);
    if (event.type === 'tool_start') {
      this.setTool({ ...tool, status: 'running', title: event.title, text: '' });
    } else if (event.type === 'tool_update') {
      const cells = event.cells.length > 0 ? event.cells : tool.cells;
      this.setTool({ ...tool, text: event.text, cells });
    } else {
      const { title, summary, result, duration, stopped } = event;
      const failed = result.is_error ? 'error' : 'ok';
      const status = stopped ? 'interrupted' : result.rejected ? 'denied' : failed;
      // A call that was stopped names no cells; the card keeps those that it reported.
      const cells = stopped && event.cells.length === 0 ? tool.cells : event.cells;
      const preview = event.preview.length > 0 ? event.preview : tool.preview;
      this.setTool({ ...tool, status, title, summary, text: '', cells, preview, result, duration });
    }
  }

  /** A notebook, or the folder it is in, has another path now. */
  private follow(old: string, now: string): void {
    const followed = <T extends { readonly path?: string | null }>(known: readonly T[]): T[] =>
      known.map(one => (one.path == null ? one : { ...one, path: moved(one.path, old, now) }));
    for (const tool of Object.values(this.tools)) {
      this.setTool({ ...tool, cells: followed(tool.cells) });
    }
    const { review, checkpoints, notebook_path } = this.state;
    const own = notebook_path == null ? {} : { notebook_path: moved(notebook_path, old, now) };
    this.set({ review: followed(review), checkpoints: followed(checkpoints), ...own });
  }

  private tool(event: { call_id: string; tool_name?: string }): ToolState {
    return this.tools[event.call_id] ?? newTool(event.call_id, event.tool_name ?? '');
  }

  private addNotice(
    level: EventOf<'notice'>['level'],
    text: string,
    code: string | null | undefined,
    path?: string | null,
    values?: NoticeEntry['values']
  ): void {
    this.setEntry(this.entries.length, { type: 'notice', level, text, code, path, values });
  }

  private state: Transcript;
  private readonly entries: Entry[];
  private readonly tools: Record<string, ToolState>;
  private builder: MessageBuilder | null = null;
  private builderAt = -1;
  private builderId = '';
  private durations: readonly number[] = [];
  private grown = false;
  private current: Transcript | null = null;
  private sharedEntries: readonly Entry[] | null = null;
  private sharedTools: Readonly<Record<string, ToolState>> | null = null;
}

function newTool(callId: string, name: string): ToolState {
  return {
    call_id: callId,
    tool_name: name,
    status: 'waiting',
    title: '',
    summary: '',
    text: '',
    cells: [],
    preview: []
  };
}

/** What is settled needs no review any more. */
function reviewed(known: readonly ReviewCell[], news: readonly ReviewCell[]): ReviewCell[] {
  const review = new Map(known.map(cell => [`${cell.path}\n${cell.cell_id}`, cell]));
  for (const cell of news) {
    const key = `${cell.path}\n${cell.cell_id}`;
    if (cell.state === 'open' || cell.state === 'conflict') {
      review.set(key, cell);
    } else {
      review.delete(key);
    }
  }
  return [...review.values()];
}

/** Round as Python's `:.0f` does, so that both reducers say the same. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) {
    return Math.round(value);
  }
  return floor % 2 === 0 ? floor : floor + 1;
}
