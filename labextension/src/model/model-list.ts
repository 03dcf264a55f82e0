// The models one can choose: from the catalogue at once, then as the providers list them.
import type { ListFailure, ModelInfo } from '../protocol/types';
import type { AgentServer } from './server';

export class ModelListing {
  /** `changed` is called when the list, or the state of asking for it, is another. */
  constructor(
    private readonly server: Pick<AgentServer, 'models'>,
    private readonly changed: () => void
  ) {}

  get models(): readonly ModelInfo[] {
    return this._models;
  }

  /** Providers that were asked and did not answer. */
  get failures(): readonly ListFailure[] {
    return this._failures;
  }

  /** Whether the providers are being asked. */
  get asking(): boolean {
    return this.answer !== null;
  }

  /** Read what is known without asking a provider. */
  async load(): Promise<void> {
    this._models = (await this.server.models()).models;
    this.changed();
  }

  /** Ask the providers; the server keeps their answers for some minutes. */
  ask(): Promise<void> {
    this.answer ??= this.askOnce().finally(() => {
      this.answer = null;
      this.changed();
    });
    this.changed();
    return this.answer;
  }

  /** Ask once more after what is being asked now: a key or an address has changed since. */
  async askAgain(): Promise<void> {
    await this.answer?.catch(() => undefined);
    await this.ask();
  }

  private async askOnce(): Promise<void> {
    const list = await this.server.models(true);
    this._models = list.models;
    this._failures = list.failures;
  }

  private _models: readonly ModelInfo[] = [];
  private _failures: readonly ListFailure[] = [];
  private answer: Promise<void> | null = null;
}

/** The scripted model that needs no key. */
export function isDemo(model: string | null | undefined): boolean {
  return model === 'demo' || (model?.startsWith('demo/') ?? false);
}

/** Whether a real model can be used. */
export function hasModel(models: readonly ModelInfo[]): boolean {
  return models.some(model => model.available && !isDemo(model.id));
}
