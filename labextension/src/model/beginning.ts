// Sessions that the server is making, and the prompts that wait for them.
import { UUID } from '@lumino/coreutils';

import type { SentPrompt, SessionModel } from './session';

/** A session on its way. Its prompts are shown where it will be. */
export class Beginning {
  constructor(readonly session: Promise<SessionModel>) {}

  get prompts(): readonly SentPrompt[] {
    return this._prompts;
  }

  /** Note a prompt; returns the function that takes it out. */
  add(prompt: Omit<SentPrompt, 'opId'>): () => void {
    const noted = { ...prompt, opId: `op_${UUID.uuid4()}` };
    this._prompts = [...this._prompts, noted];
    return () => {
      this._prompts = this._prompts.filter(one => one !== noted);
    };
  }

  private _prompts: readonly SentPrompt[] = [];
}
