// Whether the panel opens by itself when the page does.
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { AgentModel } from '../model/agent';
import type { ServerStatus } from '../protocol/types';

// In the browser's own storage: Lab's is a workspace's, and Notebook 7 keeps none.
const OPENED = 'jupyter-agent:panel-opened';

/**
 * What the person chose holds; who has not chosen sees the panel once, and then as Lab's layout has
 * it. Only a server that was started to show it (`open_panel = "always"`, as the demo's is) does not
 * ask. `baseUrl` tells servers of one host apart.
 */
export async function opensAtStart(
  model: AgentModel,
  settings: Promise<ISettingRegistry.ISettings | null>,
  baseUrl: string
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
  const opened = `${OPENED} ${baseUrl}`;
  if (wanted === 'never' || localStorage.getItem(opened) !== null) {
    return false;
  }
  localStorage.setItem(opened, 'true');
  return true;
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
