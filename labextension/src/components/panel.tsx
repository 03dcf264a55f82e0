// The whole panel: its head, what it shows, and the composer.
import * as React from 'react';

import type { AgentModel } from '../model/agent';
import { failureText } from '../model/failures';
import { hasModel, isDemo } from '../model/model-list';
import type { SentPrompt, SessionModel } from '../model/session';
import type { Transcript } from '../protocol/types';
import { Announcer } from './announcer';
import { Banners } from './banners';
import { Composer } from './composer';
import { DemoBar } from './demo-bar';
import { Empty } from './empty';
import { Header } from './header';
import { useKeptFocus } from './kept-focus';
import { ReviewBar } from './review-bar';
import { BeginningView } from './sent-prompt';
import { useServices } from './services';
import { Sessions } from './sessions';
import { Setup } from './setup';
import { useSession, useSignal } from './signals';
import { TranscriptView } from './transcript';

export function Panel(): JSX.Element {
  const { model } = useServices();
  useSignal(model.changed);
  useSignal(model.view.changed);
  const { session, view } = model;
  const { loaded, transcript, sent } = useSession(session);
  const root = React.useRef<HTMLDivElement>(null);
  useKeptFocus(root);
  if (model.phase !== 'ready') {
    return (
      <div ref={root} className="jp-Agent-panel" data-state="disconnected">
        <Trouble />
      </div>
    );
  }
  const needsSetup = !hasModel(model.models) && !isDemo(model.choice.model) && !session;
  const shown = view.shown === 'chat' && needsSetup ? 'providers' : view.shown;
  const close = (): void => view.show('chat');
  return (
    <div ref={root} className="jp-Agent-panel" data-state={stateOf(model, transcript)}>
      <Header transcript={transcript} view={shown} />
      <Banners transcript={transcript} />
      {shown === 'sessions' && <Sessions close={close} />}
      {shown === 'providers' && <Setup close={close} />}
      {shown === 'chat' && (
        <Chat
          session={session}
          transcript={transcript}
          sent={sent}
          showProviders={() => view.show('providers')}
        />
      )}
      {shown === 'chat' && session && transcript.review.length > 0 && (
        <ReviewBar key={`review-${session.id}`} session={session} transcript={transcript} />
      )}
      {shown === 'chat' && loaded && !transcript.running && <DemoBar notebook={model.place} />}
      {shown === 'chat' && (
        <Composer transcript={transcript} disabled={model.choice.model === null} />
      )}
      <Announcer key={session?.id ?? 'none'} transcript={loaded ? transcript : null} />
    </div>
  );
}

function stateOf(model: AgentModel, transcript: Transcript): string {
  if (model.connection.state !== 'open') {
    return 'disconnected';
  }
  if (transcript.approvals.length + transcript.questions.length > 0) {
    return 'waiting';
  }
  return transcript.running ? 'running' : 'idle';
}

function Chat(props: {
  session: SessionModel | null;
  transcript: Transcript;
  sent: readonly SentPrompt[];
  showProviders: () => void;
}): JSX.Element {
  const { session, transcript, sent, showProviders } = props;
  const { model, trans } = useServices();
  if (session === null) {
    const { beginning } = model;
    return beginning.length > 0 ? <BeginningView prompts={beginning} /> : <Empty />;
  }
  if (!session.loaded && sent.length === 0) {
    const loading = session.error ? null : trans.__('Loading…');
    return <p className="jp-Agent-dim jp-Agent-fill">{loading}</p>;
  }
  if (transcript.entries.length === 0 && sent.length === 0 && !transcript.running) {
    return <Empty />;
  }
  return (
    <TranscriptView
      key={session.id}
      session={session}
      transcript={transcript}
      sent={sent}
      showProviders={showProviders}
    />
  );
}

/** Loading, or why there is nothing to load. */
function Trouble(): JSX.Element {
  const { model, trans } = useServices();
  const problem = failureText(model.problem, trans);
  const retry = (
    <button type="button" className="jp-Agent-button" onClick={() => void model.load()}>
      {trans.__('Try again')}
    </button>
  );
  switch (model.phase) {
    case 'missing':
      return (
        <div className="jp-Agent-trouble" role="alert">
          <p>{trans.__('The server part of jupyter-agent does not answer.')}</p>
          <p>{trans.__('Check that it is enabled where Jupyter runs, then restart Jupyter:')}</p>
          <code>jupyter server extension list</code>
          {retry}
        </div>
      );
    case 'forbidden':
      return (
        <div className="jp-Agent-trouble" role="alert">
          <p>{trans.__('The server does not let you use the agent: %1', problem)}</p>
          <p>{trans.__('Log in again, or ask who runs this server.')}</p>
          {retry}
        </div>
      );
    case 'failed':
      return (
        <div className="jp-Agent-trouble" role="alert">
          <p>{trans.__('The agent could not start: %1', problem)}</p>
          {retry}
        </div>
      );
    default:
      return (
        <p className="jp-Agent-dim jp-Agent-fill" role="status">
          {trans.__('Loading…')}
        </p>
      );
  }
}
