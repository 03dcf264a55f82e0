// What the agent changed, above the composer: kept or undone, cell by cell or all at once.
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { failureText } from '../model/failures';
import type { SessionModel } from '../model/session';
import type { Transcript } from '../protocol/types';
import { FOCUS_HOME } from './kept-focus';
import { ReviewRow } from './review-row';
import { useServices } from './services';

/** Have the server do something, one thing at a time. */
export type Perform = (work: () => Promise<void>) => void;

export function ReviewBar(props: { session: SessionModel; transcript: Transcript }): JSX.Element {
  const { session, transcript } = props;
  const { trans } = useServices();
  const [open, setOpen] = React.useState(false);
  const { busy, problem, perform } = usePerform();
  const id = React.useId();
  const { review, running } = transcript;
  const conflicts = review.filter(cell => cell.state === 'conflict').length;
  const Caret = open ? caretDownIcon : caretRightIcon;
  const count = review.length;
  return (
    <section className="jp-Agent-review" aria-label={trans.__('Changes to review')}>
      <div className="jp-Agent-reviewHead">
        <button
          {...FOCUS_HOME}
          type="button"
          className="jp-Agent-reviewToggle"
          aria-expanded={open}
          aria-controls={id}
          onClick={() => setOpen(!open)}
        >
          <Caret.react tag="span" elementSize="normal" />
          <span className="jp-Agent-wideWords">
            {trans._n('%1 cell changed', '%1 cells changed', count)}
          </span>
          <span className="jp-Agent-narrowWords" aria-hidden="true">
            {trans._n('%1 changed', '%1 changed', count)}
          </span>
        </button>
        <span className="jp-Agent-actions">
          <button
            type="button"
            className="jp-Agent-button"
            data-action="keep-all"
            disabled={busy}
            onClick={() => perform(() => session.keep())}
          >
            {trans.__('Keep all')}
          </button>
          <button
            type="button"
            className="jp-Agent-button"
            data-action="undo-all"
            disabled={busy || running}
            title={running ? trans.__('Stop the agent first') : undefined}
            onClick={() => perform(() => session.undo())}
          >
            {trans.__('Undo all')}
          </button>
        </span>
      </div>
      {busy && (
        <p className="jp-Agent-dim" role="status">
          {trans.__('Working…')}
        </p>
      )}
      {problem && (
        <p className="jp-Agent-warning" role="alert">
          {problem}
        </p>
      )}
      {conflicts > 0 && !open && (
        <p className="jp-Agent-warning">
          {trans._n(
            'You changed %1 cell since; it was left alone.',
            'You changed %1 cells since; they were left alone.',
            conflicts
          )}
        </p>
      )}
      <ul id={id} className="jp-Agent-reviewList" hidden={!open}>
        {open &&
          review.map(cell => (
            <ReviewRow
              key={`${cell.path} ${cell.cell_id}`}
              cell={cell}
              session={session}
              frozen={busy}
              running={running}
              perform={perform}
            />
          ))}
      </ul>
    </section>
  );
}

/** One thing at a time; what goes wrong is said. */
function usePerform(): {
  busy: boolean;
  problem: string;
  perform: Perform;
} {
  const { trans } = useServices();
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState('');
  const perform: Perform = work => {
    setBusy(true);
    setProblem('');
    work()
      .catch(error => setProblem(failureText(error, trans)))
      .finally(() => setBusy(false));
  };
  return { busy, problem, perform };
}
