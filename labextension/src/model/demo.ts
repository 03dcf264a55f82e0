// The demo: a folder with a notebook and a table, played by the scripted model, and undone.
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { ApiError } from '../client/rest';
import type { AgentModel } from './agent';
import type { AgentServer } from './server';

/** What the demo needs of the application. */
export interface DemoStage {
  /** Open a notebook, ready to run; false: another page opens it, and plays the demo there. */
  open(path: string): Promise<boolean>;
  /** The notebook was removed: close what shows it. */
  close(path: string): void;
}

export class DemoModel {
  constructor(
    private readonly agent: AgentModel,
    private readonly server: Pick<AgentServer, 'demo' | 'makeDemo' | 'removeDemo'>,
    private readonly stage: DemoStage
  ) {}

  /** Path of a notebook the demo has made and could remove again. */
  get notebook(): string | null {
    return this._notebook;
  }

  /** Whether it is being made or removed. */
  get busy(): boolean {
    return this._busy;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Ask the server whether there is something to undo. */
  async look(): Promise<void> {
    this._notebook = (await this.server.demo()).notebook;
    this._changed.emit();
  }

  /** Make the folder, open its notebook, and have the demo played; returns the notebook's path. */
  play(): Promise<string | null> {
    return this.once(async () => {
      const { notebook } = await this.server.makeDemo();
      this._notebook = notebook;
      this._changed.emit();
      if (await this.stage.open(notebook)) {
        await this.begin(notebook);
      }
      return notebook;
    });
  }

  /** Play the demo in a notebook of it that is open. */
  async begin(path: string): Promise<void> {
    const { agent } = this;
    agent.turnTo(path);
    agent.startNew();
    agent.view.show('chat');
    await agent.choose({ model: 'demo' });
    await agent.prompt(agent.status?.demo_prompt ?? '');
    agent.endDemo();
  }

  /** Remove all that the demo has made. Rejects, and removes nothing, if somebody worked in it. */
  undo(): Promise<null> {
    return this.once(async () => {
      const path = this._notebook;
      if (path === null) {
        return null;
      }
      try {
        await this.server.removeDemo(path);
      } catch (error) {
        if (error instanceof ApiError && error.status === 409) {
          this._notebook = null; // it is the person's own now
        }
        throw error;
      }
      this._notebook = null;
      this.agent.endDemo();
      this.stage.close(path);
      return null;
    });
  }

  /** Clicks on a button that is at work already do nothing. */
  private async once<T>(work: () => Promise<T>): Promise<T | null> {
    if (this._busy) {
      return null;
    }
    this._busy = true;
    this._changed.emit();
    try {
      return await work();
    } finally {
      this._busy = false;
      this._changed.emit();
    }
  }

  private _notebook: string | null = null;
  private _busy = false;
  private readonly _changed = new Signal<this, void>(this);
}
