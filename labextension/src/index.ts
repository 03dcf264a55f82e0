// The plugins of the front end.
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { agentPlugin } from './plugins/agent';
import { attentionPlugin } from './plugins/attention';
import { cardsPlugin } from './plugins/cards';
import { chatWidgetPlugin } from './plugins/chat-widget';
import { commandsPlugin } from './plugins/commands';
import { demoPlugin } from './plugins/demo';
import { fixButtonPlugin } from './plugins/fix-button';
import { followingPlugin } from './plugins/following';
import { panelPlugin } from './plugins/panel';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  agentPlugin,
  cardsPlugin,
  demoPlugin,
  panelPlugin,
  commandsPlugin,
  attentionPlugin,
  chatWidgetPlugin,
  fixButtonPlugin,
  followingPlugin
];

export default plugins;
