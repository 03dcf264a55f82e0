// The panel's head: which session this is, and the ways to others and to the settings.
import { PathExt } from '@jupyterlab/coreutils';
import { addIcon, listIcon, settingsIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { unseen } from '../model/attention';
import type { View } from '../model/view';
import type { Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { useServices } from './services';

export function Header({ transcript, view }: { transcript: Transcript; view: View }): JSX.Element {
  const { model, trans } = useServices();
  const title = model.session ? transcript.title || trans.__('Untitled session') : null;
  const { place } = model;
  const waiting = unseen(model).length;
  return (
    <header className="jp-Agent-header">
      <div className="jp-Agent-heading">
        <h2 className="jp-Agent-title" title={title ?? undefined}>
          {title ?? trans.__('New session')}
        </h2>
        <div className="jp-Agent-place" title={place ?? undefined}>
          {place === null ? trans.__('No notebook') : PathExt.basename(place)}
        </div>
      </div>
      <IconButton
        icon={addIcon}
        className="jp-Agent-newButton"
        label={trans.__('New session')}
        onClick={() => {
          model.startNew();
          model.view.show('chat');
        }}
      />
      <IconButton
        icon={listIcon}
        className={`jp-Agent-sessionsButton ${waiting > 0 ? 'jp-mod-waiting' : ''}`}
        label={
          waiting > 0
            ? trans._n('Sessions: %1 waits for you', 'Sessions: %1 wait for you', waiting)
            : trans.__('Sessions')
        }
        expanded={view === 'sessions'}
        onClick={() => model.view.toggle('sessions')}
      />
      <IconButton
        icon={settingsIcon}
        className="jp-Agent-settingsButton"
        label={trans.__('Models and keys')}
        expanded={view === 'providers'}
        onClick={() => model.view.toggle('providers')}
      />
    </header>
  );
}
