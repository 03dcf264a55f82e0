// Everything the panel knows beyond one conversation: server, models, which session is shown, and
// the choices (model, mode, effort) a session that does not exist yet will start with.
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { ApiError } from '../client/rest';
import type { ProviderInfo } from '../protocol/rest';
import type { Effort, ImagePart, Mode, ModelInfo, ServerStatus } from '../protocol/types';
import { Beginning } from './beginning';
import { CurrentSession } from './current-session';
import { ModelListing, hasModel, isDemo } from './model-list';
import type { AgentConnection, AgentServer } from './server';
import type { Delivery, PromptOptions, SentPrompt } from './session';
import { SessionModel } from './session';
import { SessionList } from './session-list';
import { PanelView } from './view';

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
    this.current = new CurrentSession(this.sessions, connection, () => this.onCurrent());
    this.listing = new ModelListing(server, () => this.emit());
    connection.stateChanged.connect(() => this.onConnection());
    connection.sessionsChanged.connect(() => void this.refreshSessions());
    connection.refused.connect(() => void this.checkLogin());
    this.sessions.changed.connect(() => this.current.update());
  }

  readonly sessions: SessionList;
  readonly listing: ModelListing;
  readonly view = new PanelView();

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

  /** Path of the notebook in front. */
  get notebook(): string | null {
    return this.current.notebook;
  }

  /** Path of the notebook that the session shown belongs to, or the next one will. */
  get place(): string | null {
    return this.current.place;
  }

  /** Prompts whose session is being made. */
  get beginning(): readonly SentPrompt[] {
    return this.session ? [] : (this.beginnings.get(this.notebook)?.prompts ?? []);
  }

  /** The session shown; null: the next prompt creates one. */
  get session(): SessionModel | null {
    return this.current.session;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What the session uses, or the next one will. */
  get choice(): Choice {
    const transcript = this.session?.loaded ? this.session.transcript : null;
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
    this.leaveDemo();
    this.emit();
  }

  /** Another notebook is in front: show its session, unless the one shown has to stay. */
  follow(path: string | null): void {
    this.current.follow(path);
  }

  /** The person is about to be led to this notebook from within the session shown. */
  leadTo(path: string): void {
    this.current.leadTo(path);
  }

  /** Show the session of a notebook, whichever is shown now. */
  turnTo(path: string | null): void {
    this.current.turnTo(path);
  }

  /** A notebook, or the folder it is in, has another path: its sessions go along. */
  async moveNotebook(old: string, now: string): Promise<void> {
    this.current.move(old, now);
    this.sessions.move(old, now);
    try {
      await this.connection.request({ type: 'move_notebook', path: old, to: now });
    } finally {
      await this.refreshSessions();
    }
  }

  /** Show a session. */
  show(id: string): void {
    this.current.show(id);
  }

  /** Begin anew; the session itself is created with the first prompt. */
  startNew(): void {
    this.current.startNew();
  }

  /** Say something to the session shown; creates it when there is none. */
  async prompt(
    text: string,
    images: readonly ImagePart[] = [],
    delivery: Delivery = 'steer',
    options: PromptOptions = {}
  ): Promise<void> {
    if (this.session) {
      await this.session.prompt(text, images, delivery, options);
      return;
    }
    const notebook = this.notebook;
    const beginning = this.beginnings.get(notebook) ?? this.begin(notebook);
    const taken = beginning.add({ text, images });
    this.emit();
    try {
      const session = await beginning.session;
      const sent = session.prompt(text, images, delivery, options);
      taken();
      await sent.finally(() => this.current.letGo(session));
    } finally {
      taken();
      this.emit();
    }
  }

  /** Change model, mode or effort, now or for the session to come. */
  async choose(choice: { model?: string; mode?: Mode; effort?: Effort }): Promise<void> {
    if (!this.session) {
      this.draft = { ...this.draft, ...choice };
      this.emit();
      return;
    }
    await this.session.configure(choice);
    // The next session begins with the same model, but not with what this one may do unasked.
    const { mode: _, ...kept } = choice;
    if (!isDemo(kept.model)) {
      this.draft = { ...this.draft, ...kept };
    }
  }

  /** The next session does not begin with the demo. */
  endDemo(): void {
    if (isDemo(this.draft.model)) {
      const { model: _, ...others } = this.draft;
      this.draft = others;
    }
    this.emit();
  }

  async deleteSession(id: string): Promise<void> {
    await this.sessions.delete(id);
  }

  /** A new session that ends with this message; shown at once. */
  async fork(messageId: string): Promise<void> {
    if (this.session) {
      const session = await this.server.forkSession(this.session.id, messageId);
      this.sessions.add(session);
      this.show(session.id);
    }
  }

  /** Go on from before a prompt in a new session; shown at once. */
  async goBack(messageId: string): Promise<void> {
    if (this.session) {
      const session = await this.server.forkSession(this.session.id, messageId, true);
      this.sessions.add(session);
      this.show(session.id);
    }
  }

  dispose(): void {
    this.current.dispose();
    Signal.clearData(this);
  }

  /** Prompts in quick succession are still one conversation: they wait for the same session. */
  private begin(notebook: string | null): Beginning {
    this.current.leave(notebook);
    const session = this.create(notebook).finally(() => this.beginnings.delete(notebook));
    const beginning = new Beginning(session);
    this.beginnings.set(notebook, beginning);
    return beginning;
  }

  private async create(notebook: string | null): Promise<SessionModel> {
    const { model, mode, effort } = this.choice;
    const summary = await this.server.createSession({
      notebook_path: notebook,
      mode,
      ...(model ? { model } : {})
    });
    // Auto was for this session; the next one has to be given it anew.
    this.draft = { ...this.draft, mode: mode === 'auto' ? undefined : this.draft.mode };
    this.leaveDemo();
    const session = new SessionModel(summary.id, this.connection);
    this.sessions.add(summary);
    try {
      if (effort) {
        await session.configure({ effort });
      }
    } finally {
      this.current.begun(notebook, session);
    }
    return session;
  }

  /** The demo is for looking around: nobody stays with it who has a real model. */
  private leaveDemo(): void {
    if (hasModel(this.models)) {
      this.endDemo();
    }
  }

  private onCurrent(): void {
    // One that was watched before is not watched twice.
    this.session?.changed.connect(this.followSettings, this);
    this.emit();
  }

  /** Panel-wide views depend on a session's settings, not on each of its words. */
  private followSettings(): void {
    const { session } = this;
    if (!session) {
      return;
    }
    const { model, mode, effort, running, notebook_path } = session.transcript;
    const settings = JSON.stringify([
      [session.loaded, model, mode, effort, running],
      [notebook_path, session.error]
    ]);
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
    }
  }

  private onConnection(): void {
    if (this._phase === 'forbidden' && this.connection.state === 'open') {
      void this.load();
    } else {
      this.emit();
    }
  }

  private async checkLogin(): Promise<void> {
    try {
      await this.server.status();
    } catch (error) {
      if (phaseOf(error) === 'forbidden') {
        this.failed(error);
      }
    }
  }

  private failed(error: unknown): void {
    this._problem = error;
    this.set(phaseOf(error));
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
  private draft: { model?: string; mode?: Mode; effort?: Effort } = {};
  private readonly current: CurrentSession;
  private settings = '';
  private readonly beginnings = new Map<string | null, Beginning>();
  private readonly _changed = new Signal<this, void>(this);
}

function phaseOf(error: unknown): Phase {
  const phases: Record<number, Phase> = { 404: 'missing', 401: 'forbidden', 403: 'forbidden' };
  return phases[error instanceof ApiError ? error.status : 0] ?? 'failed';
}
