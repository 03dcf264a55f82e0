// All sessions: search, switch, rename, save as a file, delete.
import { deleteIcon, downloadIcon, editIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { searchSessions } from '../model/session-list';
import { ageOf, groupByAge } from './ages';
import type { SessionSummary } from '../protocol/types';
import { IconButton } from './code-block';
import { notebookFileIcon } from './icons';
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
  const excerpts = useExcerpts(query);
  const found = searchSessions(listed, query, excerpts);
  const now = new Date();
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
      {groupByAge(found, now, trans).map(({ title, sessions }) => (
        <section key={title} aria-label={title}>
          <h3 className="jp-Agent-age">{title}</h3>
          <ul className="jp-Agent-sessionList">
            {sessions.map(session => (
              <SessionRow
                key={session.id}
                session={session}
                close={close}
                withPlace={!here || !isHere(session)}
                excerpt={excerpts[session.id]}
                now={now}
              />
            ))}
          </ul>
        </section>
      ))}
      {found.length === 0 && (
        <p className="jp-Agent-dim">
          {query.trim() ? trans.__('Nothing matches.') : trans.__('No sessions yet.')}
        </p>
      )}
    </section>
  );
}

/** Milliseconds of rest before the sessions' texts are searched. */
const PAUSE = 200;

type Excerpts = Readonly<Record<string, string>>;
const NO_EXCERPTS: Excerpts = {};

/** The words around what was found in the sessions' texts, by session. */
function useExcerpts(query: string): Excerpts {
  const { model, complain } = useServices();
  const [found, setFound] = React.useState<Excerpts>(NO_EXCERPTS);
  const [searched, setSearched] = React.useState('');
  const wanted = query.trim();
  React.useEffect(() => {
    if (wanted.length < 2) {
      return undefined;
    }
    let current = true;
    const timer = setTimeout(() => {
      model.server.searchSessions(wanted).then(answer => {
        if (current) {
          setFound(answer);
          setSearched(wanted);
        }
      }, complain);
    }, PAUSE);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [wanted, model, complain]);
  // What was found for the words before is of no use for these, unless they only go on.
  return searched !== '' && wanted.startsWith(searched) ? found : NO_EXCERPTS;
}

type Doing = 'nothing' | 'renaming' | 'deleting';

function SessionRow(props: {
  session: SessionSummary;
  close: () => void;
  withPlace: boolean;
  excerpt: string | undefined;
  now: Date;
}): JSX.Element {
  const { session, close, withPlace, excerpt, now } = props;
  const { model, trans, complain, download } = useServices();
  const [doing, setDoing] = React.useState<Doing>('nothing');
  const title = session.title || trans.__('Untitled session');
  const save = async (format: 'markdown' | 'notebook'): Promise<void> => {
    const ending = format === 'markdown' ? 'md' : 'ipynb';
    download(`${title}.${ending}`, await model.server.exportSession(session.id, format));
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
        {excerpt && <span className="jp-Agent-excerpt">{excerpt}</span>}
        <span className="jp-Agent-dim" title={new Date(session.updated_at).toLocaleString()}>
          {withPlace && session.notebook_path ? `${session.notebook_path} · ` : ''}
          {ageOf(session.updated_at, now, trans)}
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
            onClick={() => void save('markdown').catch(complain)}
          />
          <IconButton
            icon={notebookFileIcon}
            label={trans.__('Save %1 as a notebook', title)}
            onClick={() => void save('notebook').catch(complain)}
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
