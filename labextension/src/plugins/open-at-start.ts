// Whether the panel opens by itself when the page does.
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { AgentModel } from '../model/agent';
import type { ServerStatus } from '../protocol/types';

// In the browser's own storage: Lab's belongs to a workspace, and Notebook 7 has none.
const OPENED = 'jupyter-agent:panel-opened';
const OPEN = 'jupyter-agent:panel-open';

/** What this browser knows of the panel. `baseUrl` tells servers of one host apart. */
export class PanelMemory {
  /** With `keepsLayout` the application itself restores the panel as it was left. */
  constructor(
    private readonly baseUrl: string,
    private readonly keepsLayout: boolean
  ) {}

  /** Whether the panel was ever on the screen. */
  get seen(): boolean {
    return this.read(OPENED) !== null;
  }

  /** Whether it was open when the last page was left; null where the application knows. */
  get leftOpen(): boolean | null {
    const open = this.keepsLayout ? null : this.read(OPEN);
    return open === null ? null : open === 'true';
  }

  note(visible: boolean): void {
    if (visible) {
      localStorage.setItem(`${OPENED} ${this.baseUrl}`, 'true');
    }
    if (!this.keepsLayout) {
      localStorage.setItem(`${OPEN} ${this.baseUrl}`, String(visible));
    }
  }

  private read(key: string): string | null {
    return localStorage.getItem(`${key} ${this.baseUrl}`);
  }
}

/**
 * What the person chose holds; who has not chosen sees the panel once, and then as it was left.
 * Only a server that was started to show it (`open_panel = "always"`, as the demo's is) does not
 * ask.
 */
export async function opensAtStart(
  model: AgentModel,
  settings: Promise<ISettingRegistry.ISettings | null>,
  memory: PanelMemory
): Promise<boolean> {
  const wanted = (await statusOf(model))?.open_panel ?? 'never';
  if (wanted === 'always') {
    return true;
  }
  const chosen = (await settings)?.get('openOnStart');
  // An administrator's overrides count as defaults: they can open it, and are the person's to undo.
  if (chosen?.user !== undefined || chosen?.composite === true) {
    return chosen.composite === true;
  }
  return memory.leftOpen ?? (wanted === 'first' && !memory.seen);
}

/** The server's status once it has answered; null when it does not. */
function statusOf(model: AgentModel): Promise<ServerStatus | null> {
  return new Promise(resolve => {
    const look = (): void => {
      if (model.status !== null || model.phase !== 'loading') {
        model.changed.disconnect(look);
        resolve(model.status);
      }
    };
    model.changed.connect(look);
    look();
  });
}
