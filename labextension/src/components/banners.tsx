// What a person has to know all the time, between the panel's head and what it shows.
import { PathExt } from '@jupyterlab/coreutils';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { unseen, waitingText } from '../model/attention';
import type { Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { useServices } from './services';
import { useSignal } from './signals';
import { withCode } from './with-code';

export function Banners({ transcript }: { transcript: Transcript }): JSX.Element {
  const { model, trans } = useServices();
  useSignal(model.connection.stateChanged);
  const { lost, welcome } = model.connection;
  const mode = model.session?.loaded ? transcript.mode : model.choice.mode;
  return (
    <>
      {lost && (
        <div className="jp-Agent-banner" data-kind="disconnected" role="status">
          {trans.__('No connection to the server. Reconnecting…')}
        </div>
      )}
      <Failed />
      <Waiting />
      <Elsewhere />
      {mode === 'auto' && (
        <div className="jp-Agent-banner" data-kind="auto">
          {trans.__('Auto: edits and runs without asking.')}
        </div>
      )}
      {welcome?.can_approve === false && (
        <div className="jp-Agent-banner" data-kind="approval">
          {withCode(welcome.reason ?? trans.__('This window may not approve anything.'))}
        </div>
      )}
    </>
  );
}

/** Why the session cannot be shown as it is now. */
function Failed(): JSX.Element | null {
  const { session } = useServices().model;
  const { trans } = useServices();
  if (!session?.error) {
    return null;
  }
  return (
    <div className="jp-Agent-banner" data-kind="failed" role="alert">
      <span className="jp-Agent-bannerText">{withCode(session.error.message)}</span>
      <button type="button" className="jp-Agent-button" onClick={() => session.reopen()}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}

/** Where else the agent waits for the person, until they put it aside; anew when one more waits. */
function Waiting(): JSX.Element | null {
  const { model, trans } = useServices();
  const [aside, setAside] = React.useState<readonly string[]>([]);
  const waiting = unseen(model);
  const [first] = waiting;
  const still = aside.filter(id => waiting.some(one => one.id === id));
  if (still.length < aside.length) {
    setAside(still);
  }
  // The list of sessions shows by itself which of them wait.
  if (!first || model.view.shown === 'sessions' || waiting.every(one => aside.includes(one.id))) {
    return null;
  }
  const show = (): void => {
    if (waiting.length === 1) {
      model.show(first.id);
      model.view.show('chat');
    } else {
      model.view.show('sessions');
    }
  };
  return (
    <div className="jp-Agent-banner" data-kind="waiting" role="status">
      <span className="jp-Agent-bannerText">{waitingText(waiting, trans)}</span>
      <span className="jp-Agent-actions">
        <button type="button" className="jp-Agent-button" onClick={show}>
          {trans.__('Show')}
        </button>
        <IconButton
          icon={closeIcon}
          label={trans.__('Hide this')}
          onClick={() => setAside(waiting.map(one => one.id))}
        />
      </span>
    </div>
  );
}

/** That the session shown is not about the notebook in front, and the way to the one that is. */
function Elsewhere(): JSX.Element | null {
  const { model, trans } = useServices();
  const { notebook, place } = model;
  if (notebook === null || place === notebook) {
    return null;
  }
  const alike = place !== null && PathExt.basename(place) === PathExt.basename(notebook);
  const name = (path: string): string => (alike ? path : PathExt.basename(path));
  return (
    <div className="jp-Agent-banner" data-kind="elsewhere">
      <span className="jp-Agent-bannerText">
        {place === null
          ? trans.__('This session belongs to no notebook; %1 is in front.', name(notebook))
          : trans.__('This session works on %1; %2 is in front.', name(place), name(notebook))}
      </span>
      <button type="button" className="jp-Agent-button" onClick={() => model.turnTo(notebook)}>
        {trans.__('Switch to %1', name(notebook))}
      </button>
    </div>
  );
}
