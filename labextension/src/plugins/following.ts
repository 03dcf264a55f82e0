// Following the agent's cell: a setting, and a command that switches it.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CellFollower } from '../notebook/follow';
import { IFollowing } from '../tokens';
import { SETTINGS } from './settings';

export const TOGGLE_FOLLOWING = 'jupyter-agent:toggle-following';
const KEY = 'followCell';

export const followingPlugin: JupyterFrontEndPlugin<CellFollower> = {
  id: 'jupyter-agent:following',
  description: 'Keeps the cell the agent works on in view, as long as one wants that.',
  autoStart: true,
  optional: [ISettingRegistry, ICommandPalette, ITranslator],
  provides: IFollowing,
  activate: (
    app: JupyterFrontEnd,
    registry: ISettingRegistry | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): CellFollower => {
    const { commands } = app;
    const trans = (translator ?? nullTranslator).load('jupyter_agent');
    const follower = new CellFollower();
    const set = (on: boolean): void => {
      follower.on = on;
      commands.notifyCommandChanged(TOGGLE_FOLLOWING);
    };
    commands.addCommand(TOGGLE_FOLLOWING, {
      label: trans.__('Follow the Agent’s Cell'),
      describedBy: { args: { type: 'object', properties: {} } },
      isToggled: () => follower.on,
      execute: async () => {
        set(!follower.on);
        await registry?.set(SETTINGS, KEY, follower.on);
      }
    });
    palette?.addItem({ command: TOGGLE_FOLLOWING, category: trans.__('Agent') });
    registry?.load(SETTINGS).then(
      settings => {
        const read = (): void => set(settings.get(KEY).composite !== false);
        settings.changed.connect(read);
        read();
      },
      (error: Error) => void Notification.error(error.message)
    );
    return follower;
  }
};
