// The agent of this tab: server, connection, model; follows the notebook in front.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISessionContextDialogs } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { AgentApi } from '../client/rest';
import { AgentSocket } from '../client/socket';
import { AgentModel } from '../model/agent';
import { NotebookBridge } from '../notebook/bridge';
import { OpenNotebooks } from '../notebook/open-notebooks';
import { Refresher } from '../notebook/refresh';
import { ReviewWatch } from '../notebook/review-watch';
import { Typing } from '../notebook/typing';
import type { CellFollower } from '../notebook/follow';
import { IAgent, IFollowing } from '../tokens';

export const agentPlugin: JupyterFrontEndPlugin<AgentModel> = {
  id: 'jupyter-agent:agent',
  description: 'Connects this tab to the agent on the server, and lends it the open notebooks.',
  autoStart: true,
  requires: [INotebookTracker, IDocumentManager, IFollowing],
  optional: [ISessionContextDialogs, ITranslator],
  provides: IAgent,
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    follower: CellFollower,
    dialogs: ISessionContextDialogs | null,
    translator: ITranslator | null
  ): AgentModel => {
    const { serverSettings } = app.serviceManager;
    // With the cookie and without the token: only such a socket may approve.
    const socket = new AgentSocket({
      url: URLExt.join(serverSettings.wsUrl, 'jupyter-agent/api/socket')
    });
    const { contents } = app.serviceManager;
    const typing = new Typing();
    const refresher = new Refresher(
      tracker,
      contents,
      typing,
      (translator ?? nullTranslator).load('jupyter_agent')
    );
    const refreshQuietly = (panel: NotebookPanel): void =>
      // A page that cannot read the file now asks when it saves it.
      void refresher.refresh(panel, { told: false }).catch(() => undefined);
    const bridge = new NotebookBridge({
      tracker,
      documents,
      follower,
      refresher,
      typing,
      dialogs: dialogs ?? undefined,
      translator: translator ?? undefined
    });
    socket.setRpcHandler((call, progress) => bridge.handle(call, progress));
    const model = new AgentModel(new AgentApi(serverSettings), socket);
    const notebooks = new OpenNotebooks(tracker);
    const follow = (): void => {
      socket.setNotebooks(notebooks.list);
      model.follow(notebooks.current);
    };
    notebooks.changed.connect(follow);
    follow();
    // A cell that went on while the page was reloaded has changed the file since it was read.
    socket.stateChanged.connect((_, state) => {
      if (state === 'open') {
        tracker.forEach(refreshQuietly);
      }
    });
    tracker.widgetAdded.connect((_, panel) => {
      void panel.context.ready.then(() => refreshQuietly(panel));
    });
    contents.fileChanged.connect((_, { type, oldValue, newValue }) => {
      if (type === 'rename' && oldValue?.path && newValue?.path && newValue.type !== 'file') {
        const [old, now] = [oldValue.path, newValue.path].map(path => contents.localPath(path));
        // If the server refuses, the list of sessions says where they are.
        model.moveNotebook(old as string, now as string).catch(() => undefined);
      }
    });
    new ReviewWatch(tracker, () => {
      const { session } = model;
      return (
        session && {
          review: session.transcript.review,
          lookAgain: path => session.lookAgain(path)
        }
      );
    });
    void app.started.then(() => model.load());
    return model;
  }
};
