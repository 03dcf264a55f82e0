// Tells the person where the agent waits for them, when that is not on the screen.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { AgentModel } from '../model/agent';
import { unseen } from '../model/attention';
import type { SessionSummary } from '../protocol/types';
import { IAgent, IAgentPanel } from '../tokens';

// Milliseconds a notification stays beside an open panel, where a mark stays in its place.
const PATIENCE = 10_000;

export const attentionPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-agent:attention',
  description: 'Tells where the agent waits for an answer that is not on the screen.',
  autoStart: true,
  requires: [IAgent, IAgentPanel],
  optional: [ITranslator],
  activate: (
    _: JupyterFrontEnd,
    model: AgentModel,
    panel: IAgentPanel,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_agent');
    let told: readonly SessionSummary[] = [];
    let shown = '';
    const show = (): void => {
      const [first] = told;
      if (first) {
        model.show(first.id);
        model.view.show('chat');
        panel.open();
      }
    };
    const words = (waiting: readonly SessionSummary[]): string =>
      waiting.length === 1
        ? trans.__('The agent waits for you in “%1”.', titleOf(waiting[0], trans))
        : trans.__('The agent waits for you in %1 sessions.', waiting.length);
    const tell = (): void => {
      const waiting = unseen(model);
      const more = waiting.some(({ id }) => !told.some(one => one.id === id));
      told = waiting;
      if (more) {
        Notification.dismiss(shown);
        const actions = [{ label: trans.__('Show'), callback: show }];
        // Beside the panel it goes by itself: it would lie over the composer.
        const autoClose = model.view.visible ? PATIENCE : false;
        shown = Notification.info(words(waiting), { autoClose, actions });
      } else if (waiting.length === 0) {
        Notification.dismiss(shown);
      } else {
        // One that was dismissed does not come back before another session waits.
        Notification.update({ id: shown, message: words(waiting) });
      }
    };
    model.changed.connect(tell);
    model.view.changed.connect(tell);
  }
};

function titleOf(session: SessionSummary | undefined, trans: TranslationBundle): string {
  return session?.title || trans.__('Untitled session');
}
