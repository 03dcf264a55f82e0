// The sessions there are, by notebook; kept up to date while somebody looks.
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { moved } from '../protocol/paths';
import type { SessionSummary } from '../protocol/types';
import type { AgentServer } from './server';

export class SessionList {
  constructor(private readonly server: AgentServer) {}

  /** All sessions, latest first. */
  get sessions(): readonly SessionSummary[] {
    return this._sessions;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Sessions of one notebook; null: those that belong to none. */
  ofNotebook(path: string | null): readonly SessionSummary[] {
    return this._sessions.filter(session => (session.notebook_path ?? null) === path);
  }

  find(id: string): SessionSummary | null {
    return this._sessions.find(session => session.id === id) ?? null;
  }

  /** Fetch the list; a later call's answer is never overwritten by an earlier one's. */
  async refresh(): Promise<void> {
    const turn = ++this.turn;
    const sessions = await this.server.sessions();
    if (turn === this.turn) {
      this._sessions = [...sessions].sort((a, b) => b.updated_at.localeCompare(a.updated_at));
      this._changed.emit();
    }
  }

  /** Note a session just created, before the list says so. */
  add(session: SessionSummary): void {
    this.set([session, ...this._sessions.filter(one => one.id !== session.id)]);
  }

  /** Note that a notebook, or the folder it is in, has another path, before the list says so. */
  move(old: string, now: string): void {
    this.set(
      this._sessions.map(session =>
        session.notebook_path == null
          ? session
          : { ...session, notebook_path: moved(session.notebook_path, old, now) }
      )
    );
  }

  async rename(id: string, title: string): Promise<void> {
    await this.server.renameSession(id, title);
    await this.refresh();
  }

  async delete(id: string): Promise<void> {
    await this.server.deleteSession(id);
    this.set(this._sessions.filter(session => session.id !== id));
  }

  /** A list that is being fetched is older than this one. */
  private set(sessions: readonly SessionSummary[]): void {
    this.turn++;
    this._sessions = sessions;
    this._changed.emit();
  }

  private turn = 0;
  private _sessions: readonly SessionSummary[] = [];
  private readonly _changed = new Signal<this, void>(this);
}

/** Sessions whose title or notebook contains all words of a query, or that were found by their text. */
export function searchSessions(
  sessions: readonly SessionSummary[],
  query: string,
  found: Readonly<Record<string, string>> = {}
): readonly SessionSummary[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return sessions.filter(session => {
    const text = `${session.title} ${session.notebook_path ?? ''}`.toLowerCase();
    return words.every(word => text.includes(word)) || session.id in found;
  });
}
