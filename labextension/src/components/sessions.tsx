// All sessions: search, switch, rename, save as a file, delete.
import { deleteIcon, downloadIcon, editIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { searchSessions } from '../model/session-list';
import type { SessionSummary } from '../protocol/types';
import { IconButton } from './code-block';
import { FOCUS_HOME } from './kept-focus';
import { useServices } from './services';

export function Sessions({ close }: { close: () => void }): JSX.Element {
  const { model, trans, complain } = useServices();
  const [query, setQuery] = React.useState('');
  const [wanted, setWanted] = React.useState(model.notebook !== null);
  // Without a notebook there is nothing to narrow the list to, nor a box to untick.
  const here = wanted && model.notebook !== null;
  React.useEffect(() => {
    model.sessions.refresh().catch(complain);
  }, [model, complain]);
  const isHere = (one: SessionSummary): boolean => (one.notebook_path ?? null) === model.notebook;
  // One that waits for the person is never out of sight.
  const listed = model.sessions.sessions.filter(
    one => !here || isHere(one) || one.status === 'waiting'
  );
  const found = searchSessions(listed, query);
  return (
    <section className="jp-Agent-sessions" aria-label={trans.__('Sessions')}>
      <input
        {...FOCUS_HOME}
        className="jp-Agent-input"
        type="search"
        autoFocus
        value={query}
        placeholder={trans.__('Search sessions')}
        aria-label={trans.__('Search sessions')}
        onChange={event => setQuery(event.target.value)}
        onKeyDown={event => event.key === 'Escape' && close()}
      />
      {model.notebook !== null && (
        <label className="jp-Agent-check">
          <input
            type="checkbox"
            checked={here}
            onChange={event => setWanted(event.target.checked)}
          />
          {trans.__('Only this notebook')}
        </label>
      )}
      <ul className="jp-Agent-sessionList">
        {found.map(session => (
          <SessionRow
            key={session.id}
            session={session}
            close={close}
            withPlace={!here || !isHere(session)}
          />
        ))}
      </ul>
      {found.length === 0 && <p className="jp-Agent-dim">{trans.__('No sessions.')}</p>}
    </section>
  );
}

type Doing = 'nothing' | 'renaming' | 'deleting';

function SessionRow(props: {
  session: SessionSummary;
  close: () => void;
  withPlace: boolean;
}): JSX.Element {
  const { session, close, withPlace } = props;
  const { model, trans, complain, download } = useServices();
  const [doing, setDoing] = React.useState<Doing>('nothing');
  const title = session.title || trans.__('Untitled session');
  const save = async (): Promise<void> => {
    download(`${title}.md`, await model.server.exportSession(session.id));
  };
  if (doing === 'renaming') {
    return <RenameRow session={session} done={() => setDoing('nothing')} />;
  }
  return (
    <li className="jp-Agent-session" data-current={session.id === model.session?.id}>
      <button
        type="button"
        className="jp-Agent-sessionTitle"
        aria-current={session.id === model.session?.id}
        onClick={() => {
          model.show(session.id);
          close();
        }}
      >
        <span>
          {title} <StatusBadge status={session.status} />
        </span>
        <span className="jp-Agent-dim">
          {withPlace && session.notebook_path ? `${session.notebook_path} · ` : ''}
          {new Date(session.updated_at).toLocaleString()}
        </span>
      </button>
      {doing === 'deleting' ? (
        <span className="jp-Agent-answers" role="alert">
          {trans.__('Delete?')}
          <button
            type="button"
            className="jp-Agent-button jp-mod-warn"
            autoFocus
            onClick={() => void model.deleteSession(session.id).catch(complain)}
          >
            {trans.__('Delete')}
          </button>
          <button type="button" className="jp-Agent-button" onClick={() => setDoing('nothing')}>
            {trans.__('Keep')}
          </button>
        </span>
      ) : (
        <span className="jp-Agent-rowActions">
          <IconButton
            icon={editIcon}
            label={trans.__('Rename %1', title)}
            onClick={() => setDoing('renaming')}
          />
          <IconButton
            icon={downloadIcon}
            label={trans.__('Save %1 as Markdown', title)}
            onClick={() => void save().catch(complain)}
          />
          <IconButton
            icon={deleteIcon}
            label={trans.__('Delete %1', title)}
            onClick={() => setDoing('deleting')}
          />
        </span>
      )}
    </li>
  );
}

function RenameRow(props: { session: SessionSummary; done: () => void }): JSX.Element {
  const { session, done } = props;
  const { model, trans, complain } = useServices();
  const [title, setTitle] = React.useState(session.title);
  return (
    <li>
      <form
        className="jp-Agent-answers"
        onSubmit={event => {
          event.preventDefault();
          if (title.trim()) {
            model.sessions.rename(session.id, title.trim()).catch(complain);
          }
          done();
        }}
      >
        <input
          className="jp-Agent-input"
          autoFocus
          value={title}
          aria-label={trans.__('New title')}
          onChange={event => setTitle(event.target.value)}
          onKeyDown={event => event.key === 'Escape' && done()}
        />
        <button type="submit" className="jp-Agent-button jp-mod-accept">
          {trans.__('Rename')}
        </button>
      </form>
    </li>
  );
}

function StatusBadge({ status }: { status: SessionSummary['status'] }): JSX.Element | null {
  const { trans } = useServices();
  const words = {
    idle: null,
    running: trans.__('running'),
    waiting: trans.__('waiting for you'),
    interrupted: trans.__('interrupted')
  };
  const word = words[status];
  return word === null ? null : (
    <span className="jp-Agent-badge" data-status={status}>
      {word}
    </span>
  );
}
