// One conversation: its transcript, and what the person can do to it.
import { UUID } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { TranscriptBuilder } from '../protocol/transcript';
import type {
  ApprovalStart,
  Configure,
  ErrorInfo,
  GrantScope,
  ImagePart,
  Mention,
  ReviewCell,
  Transcript
} from '../protocol/types';
import type { AgentConnection } from './server';

/** A prompt on its way: shown until the server has it. */
export interface SentPrompt {
  readonly opId: string;
  readonly text: string;
  readonly images: readonly ImagePart[];
}

export type Delivery = 'steer' | 'queue';

/** What goes with a prompt; `mode` holds for this prompt alone. */
export interface PromptOptions {
  readonly mentions?: readonly Mention[];
  readonly mode?: 'plan';
}

export type Settings = Partial<Pick<Configure, 'model' | 'mode' | 'effort' | 'title'>>;

export class SessionModel {
  constructor(
    readonly id: string,
    private readonly connection: AgentConnection
  ) {
    this.unwatch = this.watch();
  }

  /** Everything there is to show; the same object as long as nothing changed. */
  get transcript(): Transcript {
    return this.builder.snapshot();
  }

  /** Whether anything came from the server yet. */
  get loaded(): boolean {
    return this._loaded;
  }

  /** Why the session cannot be shown as it is now. */
  get error(): ErrorInfo | null {
    return this._error;
  }

  /** Prompts on their way to the server. */
  get sent(): readonly SentPrompt[] {
    return this._sent;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Say something; rejects when the server refuses it. */
  async prompt(
    text: string,
    images: readonly ImagePart[] = [],
    delivery: Delivery = 'steer',
    { mentions = [], mode }: PromptOptions = {}
  ): Promise<void> {
    const prompt = { opId: `op_${UUID.uuid4()}`, text, images };
    this._sent = [...this._sent, prompt];
    this.emit();
    try {
      const said = { text, images, mentions, delivery, ...(mode ? { mode } : {}) };
      await this.ask({ type: 'prompt', op_id: prompt.opId, ...said });
    } finally {
      this._sent = this._sent.filter(one => one !== prompt);
      this.emit();
    }
  }

  /** Take a waiting prompt back; rejects when it waits no longer. */
  unqueue(promptId: string): Promise<void> {
    return this.ask({ type: 'unqueue', prompt_id: promptId });
  }

  stop(): Promise<void> {
    return this.ask({ type: 'stop' });
  }

  resume(): Promise<void> {
    return this.ask({ type: 'resume' });
  }

  /** Keep what the agent changed: one cell, or all. */
  keep(cell?: ReviewCell): Promise<void> {
    return this.ask({ type: 'keep', path: cell?.path, cell_id: cell?.cell_id });
  }

  /** Undo what the agent changed; `force` overwrites what the person changed since. */
  undo(cell?: ReviewCell, force = false): Promise<void> {
    return this.ask({ type: 'undo', path: cell?.path, cell_id: cell?.cell_id, force });
  }

  /** Have the server look whether what is up for review is still in a notebook. */
  lookAgain(path: string): Promise<void> {
    return this.ask({ type: 'look_again', path });
  }

  /** Put the notebooks back to before a prompt. */
  restore(messageId: string): Promise<void> {
    return this.ask({ type: 'restore', message_id: messageId });
  }

  /** Have older turns summarised for the model now. */
  compact(): Promise<void> {
    return this.ask({ type: 'compact' });
  }

  configure(settings: Settings): Promise<void> {
    return this.ask({ type: 'configure', ...settings });
  }

  /** Allow or deny exactly what was shown: the answer carries the approval's own fingerprint. */
  approve(
    approval: ApprovalStart,
    allow: boolean,
    scope: GrantScope = 'once',
    reason?: string
  ): Promise<void> {
    return this.ask({
      type: 'approve',
      approval_id: approval.approval_id,
      fingerprint: approval.fingerprint,
      nonce: this.connection.welcome?.nonce ?? '',
      allow,
      scope,
      ...(reason ? { reason } : {})
    });
  }

  /** Answer a question; null declines. */
  answer(questionId: string, answer: string | null): Promise<void> {
    return this.ask({
      type: 'answer',
      question_id: questionId,
      nonce: this.connection.welcome?.nonce ?? '',
      ...(answer === null ? {} : { answer })
    });
  }

  /** Try again to show what could not be shown. */
  reopen(): void {
    this.unwatch();
    this._error = null;
    this.unwatch = this.watch();
    this.emit();
  }

  dispose(): void {
    this.unwatch();
    Signal.clearData(this);
  }

  private watch(): () => void {
    const loaded = (): void => {
      this._loaded = true;
      this._error = null;
      this.emit();
    };
    return this.connection.watch(this.id, {
      snapshot: transcript => {
        this.builder = new TranscriptBuilder(transcript);
        loaded();
      },
      events: events => {
        events.forEach(event => this.builder.apply(event));
        loaded();
      },
      failed: error => {
        this._error = error;
        this.emit();
      }
    });
  }

  private async ask(frame: SessionFrame): Promise<void> {
    await this.connection.request({ ...frame, session_id: this.id } as never);
  }

  private emit(): void {
    this._changed.emit();
  }

  private builder = new TranscriptBuilder();
  private _loaded = false;
  private _error: ErrorInfo | null = null;
  private _sent: readonly SentPrompt[] = [];
  private unwatch: () => void;
  private readonly _changed = new Signal<this, void>(this);
}

type SessionFrame = WithoutSession<Parameters<AgentConnection['request']>[0]>;
type WithoutSession<T> = T extends unknown ? Omit<T, 'session_id'> : never;
