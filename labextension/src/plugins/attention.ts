// Tells the person where the agent waits for them while the panel is not on the screen.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { AgentModel } from '../model/agent';
import { unseen, waitingText } from '../model/attention';
import type { SessionSummary } from '../protocol/types';
import { IAgent, IAgentPanel } from '../tokens';

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
    const tell = (): void => {
      // A panel that is open says it itself: a notification would lie over its buttons.
      const waiting = model.view.visible ? [] : unseen(model);
      const more = waiting.some(({ id }) => !told.some(one => one.id === id));
      told = waiting;
      if (more) {
        Notification.dismiss(shown);
        const actions = [{ label: trans.__('Show'), callback: show }];
        shown = Notification.info(waitingText(waiting, trans), { autoClose: false, actions });
      } else if (waiting.length === 0) {
        Notification.dismiss(shown);
      } else {
        // One that was dismissed does not come back before another session waits.
        Notification.update({ id: shown, message: waitingText(waiting, trans) });
      }
    };
    model.changed.connect(tell);
    model.view.changed.connect(tell);
  }
};
