// Everything the panel knows beyond one conversation: server, models, which session is shown, and
// the choices (model, mode, effort) a session that does not exist yet will start with.
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { ApiError } from '../client/rest';
import type { ProviderInfo } from '../protocol/rest';
import type { Effort, ImagePart, Mode, ModelInfo, ServerStatus } from '../protocol/types';
import { ModelListing } from './model-list';
import type { AgentConnection, AgentServer } from './server';
import type { Delivery, PromptOptions } from './session';
import { SessionModel } from './session';
import { SessionList } from './session-list';

/** How far the panel has come. `missing`: the server extension is not there. */
export type Phase = 'loading' | 'ready' | 'missing' | 'forbidden' | 'failed';

/** What the next run would use. */
export interface Choice {
  readonly model: string | null;
  readonly mode: Mode;
  readonly effort: Effort | null;
}

export class AgentModel {
  constructor(
    readonly server: AgentServer,
    readonly connection: AgentConnection
  ) {
    this.sessions = new SessionList(server);
    this.listing = new ModelListing(server, () => this.emit());
    connection.stateChanged.connect(() => this.onConnection());
    connection.sessionsChanged.connect(() => void this.refreshSessions());
    this.sessions.changed.connect(() => this.emit());
  }

  readonly sessions: SessionList;
  readonly listing: ModelListing;

  get phase(): Phase {
    return this._phase;
  }

  /** Why the panel is not ready. */
  get problem(): unknown {
    return this._problem;
  }

  get status(): ServerStatus | null {
    return this._status;
  }

  get models(): readonly ModelInfo[] {
    return this.listing.models;
  }

  get providers(): readonly ProviderInfo[] {
    return this._providers;
  }

  /** Path of the notebook the panel follows. */
  get notebook(): string | null {
    return this._notebook;
  }

  /** The session shown; null: the next prompt creates one. */
  get session(): SessionModel | null {
    return this._session;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What the session uses, or the next one will. */
  get choice(): Choice {
    const transcript = this._session?.loaded ? this._session.transcript : null;
    return {
      model: transcript?.model || this.draft.model || this._status?.default_model || null,
      mode: transcript?.mode ?? this.draft.mode ?? this._status?.default_mode ?? 'ask',
      effort: (transcript ? transcript.effort : this.draft.effort) ?? null
    };
  }

  /** The chosen model, when it is one the server lists. */
  get model(): ModelInfo | null {
    const { model } = this.choice;
    return this.models.find(one => one.id === model) ?? null;
  }

  /** Ask the server what there is, and connect. */
  async load(): Promise<void> {
    this.set('loading');
    try {
      this._status = await this.server.status();
      await this.listing.load();
      await this.sessions.refresh();
    } catch (error) {
      this.failed(error);
      return;
    }
    this.connection.connect();
    this.set('ready');
    this.showLatest();
  }

  /** Ask the providers for their models; another may be the default then. */
  async refreshModels(): Promise<void> {
    await this.listing.ask();
    this._status = await this.server.status();
    this.emit();
  }

  async refreshProviders(): Promise<void> {
    this._providers = await this.server.providers();
    this.emit();
  }

  /** A key, an address or what is said of a model has changed. */
  async setupChanged(): Promise<void> {
    await this.refreshProviders();
    await this.listing.askAgain();
    this._status = await this.server.status();
    this.emit();
  }

  /** Follow another notebook: show its latest session, or the one left there. */
  follow(path: string | null): void {
    if (path !== this._notebook) {
      this._notebook = path;
      this.showLatest();
    }
  }

  /** Show a session. */
  show(id: string): void {
    this.left.set(this._notebook, id);
    this.open(id);
  }

  /** Begin anew; the session itself is created with the first prompt. */
  startNew(): void {
    this.left.set(this._notebook, null);
    this.open(null);
  }

  /** Say something to the session shown; creates it when there is none. */
  async prompt(
    text: string,
    images: readonly ImagePart[] = [],
    delivery: Delivery = 'steer',
    options: PromptOptions = {}
  ): Promise<void> {
    const session = this._session ?? (await this.create());
    await session.prompt(text, images, delivery, options);
  }

  /** Change model, mode or effort, now or for the session to come. */
  async choose(choice: { model?: string; mode?: Mode; effort?: Effort }): Promise<void> {
    if (this._session) {
      await this._session.configure(choice);
      return;
    }
    this.draft = { ...this.draft, ...choice };
    this.emit();
  }

  async deleteSession(id: string): Promise<void> {
    await this.sessions.delete(id);
    if (this._session?.id === id) {
      this.left.delete(this._notebook);
      this.showLatest();
    }
  }

  /** A new session that ends with this message; shown at once. */
  async fork(messageId: string): Promise<void> {
    if (this._session) {
      const session = await this.server.forkSession(this._session.id, messageId);
      this.sessions.add(session);
      this.show(session.id);
    }
  }

  /** Go on from before a prompt in a new session; shown at once. */
  async goBack(messageId: string): Promise<void> {
    if (this._session) {
      const session = await this.server.forkSession(this._session.id, messageId, true);
      this.sessions.add(session);
      this.show(session.id);
    }
  }

  dispose(): void {
    this._session?.dispose();
    Signal.clearData(this);
  }

  private async create(): Promise<SessionModel> {
    // Two prompts in quick succession are still one conversation.
    this.creating ??= this.createOnce().finally(() => {
      this.creating = null;
    });
    return this.creating;
  }

  private async createOnce(): Promise<SessionModel> {
    const { model, mode, effort } = this.choice;
    const summary = await this.server.createSession({
      notebook_path: this._notebook,
      mode,
      ...(model ? { model } : {})
    });
    this.left.set(this._notebook, summary.id);
    this.open(summary.id);
    this.sessions.add(summary);
    const session = this._session as SessionModel;
    if (effort) {
      await session.configure({ effort });
    }
    return session;
  }

  private showLatest(): void {
    const left = this.left.get(this._notebook);
    const latest = this.sessions.ofNotebook(this._notebook)[0]?.id ?? null;
    this.open(left === undefined ? latest : left);
  }

  private open(id: string | null): void {
    if (this._session?.id !== id || id === null) {
      this._session?.dispose();
      this._session = id === null ? null : new SessionModel(id, this.connection);
      this._session?.changed.connect(() => this.followSettings());
    }
    this.emit();
  }

  /** Panel-wide views depend on a session's settings, not on each of its words. */
  private followSettings(): void {
    const { model, mode, effort, running } = (this._session as SessionModel).transcript;
    const settings = JSON.stringify([this._session?.loaded, model, mode, effort, running]);
    if (settings !== this.settings) {
      this.settings = settings;
      this.emit();
    }
  }

  private async refreshSessions(): Promise<void> {
    try {
      await this.sessions.refresh();
    } catch {
      // The list stays as it was; the connection's own state tells of trouble.
      return;
    }
    if (this._session === null && this.left.get(this._notebook) === undefined) {
      // Another window has begun a session of this notebook: it is this one's, too.
      this.showLatest();
    }
  }

  private onConnection(): void {
    this.emit();
  }

  private failed(error: unknown): void {
    const status = error instanceof ApiError ? error.status : 0;
    this._problem = error;
    const phases: Record<number, Phase> = { 404: 'missing', 401: 'forbidden', 403: 'forbidden' };
    this.set(phases[status] ?? 'failed');
  }

  private set(phase: Phase): void {
    this._phase = phase;
    this.emit();
  }

  private emit(): void {
    this._changed.emit();
  }

  private _phase: Phase = 'loading';
  private _problem: unknown = null;
  private _status: ServerStatus | null = null;
  private _providers: readonly ProviderInfo[] = [];
  private _notebook: string | null = null;
  private _session: SessionModel | null = null;
  private draft: { model?: string; mode?: Mode; effort?: Effort } = {};
  private settings = '';
  private creating: Promise<SessionModel> | null = null;
  /** The session last shown for a notebook; null: a new one was begun. */
  private readonly left = new Map<string | null, string | null>();
  private readonly _changed = new Signal<this, void>(this);
}
