// Which session is shown: that of the notebook in front, unless the one shown is at work or the
// person has chosen another.
import { moved } from '../protocol/paths';
import type { AgentConnection } from './server';
import { SessionModel } from './session';
import type { SessionList } from './session-list';

export class CurrentSession {
  /** `changed` is called when another session, or another notebook, is the one. */
  constructor(
    private readonly sessions: SessionList,
    private readonly connection: AgentConnection,
    private readonly changed: () => void
  ) {}

  /** The session shown; null: the next prompt creates one. */
  get session(): SessionModel | null {
    return this._session;
  }

  /** Path of the notebook in front. */
  get notebook(): string | null {
    return this._notebook;
  }

  /** Path of the notebook that the session shown belongs to, or the next one will. */
  get place(): string | null {
    if (this._session === null) {
      return this._notebook;
    }
    const { id, transcript } = this._session;
    return transcript.notebook_path ?? this.sessions.find(id)?.notebook_path ?? null;
  }

  /**
   * Follow another notebook: show its latest session, or the one left there. A session that is at
   * work stays, and so does one from which the person was led to that notebook.
   */
  follow(path: string | null): void {
    if (path === this._notebook) {
      return;
    }
    const led = path !== null && path === this.ledTo;
    this._notebook = path;
    this.ledTo = null;
    if (led || this.atWork) {
      this.changed();
    } else {
      this.showLatest();
    }
  }

  /** The person is about to be led to this notebook from within the session. */
  leadTo(path: string): void {
    this.ledTo = path === this._notebook ? null : path;
  }

  /** Show the session of a notebook, whichever is shown now. */
  turnTo(path: string | null): void {
    this.follow(path);
    if (this.place !== path) {
      this.showLatest();
    }
  }

  show(id: string): void {
    this.left.set(this.sessions.find(id)?.notebook_path ?? null, id);
    if (this._session?.id === id) {
      if (this._session.error) {
        this._session.reopen();
      }
      this.changed();
    } else {
      this.adopt(new SessionModel(id, this.connection));
    }
  }

  startNew(): void {
    this.leave(this._notebook);
    this.adopt(null);
  }

  /** No session there is to be shown for this notebook: a new one begins. */
  leave(notebook: string | null): void {
    this.left.set(notebook, null);
  }

  /** The new session of a notebook is there: show it if that notebook is still in front. */
  begun(notebook: string | null, session: SessionModel): void {
    if (this.left.get(notebook) === null) {
      this.left.set(notebook, session.id);
    }
    if (this._notebook === notebook && this._session === null) {
      this.adopt(session);
    }
  }

  /** Nobody needs this session any more, unless it is the one shown. */
  letGo(session: SessionModel): void {
    if (session !== this._session) {
      session.dispose();
    }
  }

  /** A notebook, or the folder it is in, has another path. */
  move(old: string, now: string): void {
    for (const [path, id] of [...this.left]) {
      if (path !== null && moved(path, old, now) !== path) {
        this.left.delete(path);
        this.left.set(moved(path, old, now), id);
      }
    }
    this._notebook = this._notebook && moved(this._notebook, old, now);
  }

  /** The list of sessions is another. */
  update(): void {
    const deleted = this._session !== null && this.sessions.find(this._session.id) === null;
    // Another window has begun a session of this notebook: it is this one's, too.
    const begun = this._session === null && this.left.get(this._notebook) !== null;
    if (deleted || begun) {
      this.showLatest();
    } else {
      this.changed();
    }
  }

  dispose(): void {
    this._session?.dispose();
  }

  private get atWork(): boolean {
    const session = this._session;
    return session !== null && (session.transcript.running || session.sent.length > 0);
  }

  private showLatest(): void {
    const own = this.sessions.ofNotebook(this._notebook);
    const left = this.left.get(this._notebook);
    const latest = left === null ? undefined : (own.find(one => one.id === left) ?? own[0]);
    if (latest && latest.id === this._session?.id) {
      this.changed();
    } else {
      this.adopt(latest ? new SessionModel(latest.id, this.connection) : null);
    }
  }

  private adopt(session: SessionModel | null): void {
    this._session?.dispose();
    this._session = session;
    this.changed();
  }

  private _notebook: string | null = null;
  private _session: SessionModel | null = null;
  private ledTo: string | null = null;
  /** The session last shown for a notebook; null: a new one was begun. */
  private readonly left = new Map<string | null, string | null>();
}
