// Whether the panel opens by itself when the page does.
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { IStateDB } from '@jupyterlab/statedb';

import type { AgentModel } from '../model/agent';
import type { ServerStatus } from '../protocol/types';

// Kept with the workspace, as the layout is, which from then on brings back an open panel by itself.
const OPENED = 'jupyter-agent:panel-opened';

/**
 * What the person chose holds; who has not chosen sees the panel once. Only a server that was
 * started to show it (`open_panel = "always"`, as the demo's is) does not ask.
 */
export async function opensAtStart(
  model: AgentModel,
  settings: Promise<ISettingRegistry.ISettings | null>,
  state: IStateDB | null
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
  if (wanted === 'never' || (await state?.fetch(OPENED)) !== undefined) {
    return false;
  }
  await state?.save(OPENED, true);
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
