// The panel's head: which session this is, and the ways to others and to the settings.
import { addIcon, listIcon, settingsIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { useServices } from './services';

/** What the panel shows below its head. */
export type View = 'chat' | 'sessions' | 'providers';

export function Header(props: {
  transcript: Transcript;
  view: View;
  setView: (view: View) => void;
}): JSX.Element {
  const { transcript, view, setView } = props;
  const { model, trans } = useServices();
  const title = model.session ? transcript.title || trans.__('Untitled session') : null;
  const place = model.notebook?.split('/').pop() ?? trans.__('No notebook');
  const toggle = (other: View): void => setView(view === other ? 'chat' : other);
  return (
    <header className="jp-Agent-header">
      <div className="jp-Agent-heading">
        <h2 className="jp-Agent-title" title={title ?? undefined}>
          {title ?? trans.__('New session')}
        </h2>
        <div className="jp-Agent-place" title={model.notebook ?? undefined}>
          {place}
        </div>
      </div>
      <IconButton
        icon={addIcon}
        className="jp-Agent-newButton"
        label={trans.__('New session')}
        onClick={() => {
          model.startNew();
          setView('chat');
        }}
      />
      <IconButton
        icon={listIcon}
        className="jp-Agent-sessionsButton"
        label={trans.__('Sessions')}
        expanded={view === 'sessions'}
        onClick={() => toggle('sessions')}
      />
      <IconButton
        icon={settingsIcon}
        className="jp-Agent-settingsButton"
        label={trans.__('Models and keys')}
        expanded={view === 'providers'}
        onClick={() => toggle('providers')}
      />
    </header>
  );
}
