// One changed cell in the review: where it is, what was done, and the choice to keep or undo it.
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { SessionModel } from '../model/session';
import type { CellRef, ReviewCell } from '../protocol/types';
import { IconButton } from './code-block';
import { Diff } from './diff';
import type { Perform } from './review-bar';
import { useServices } from './services';
import { cellLabel } from './tool-title';

const CONTEXT = 2;

export function ReviewRow(props: {
  cell: ReviewCell;
  session: SessionModel;
  frozen: boolean;
  running: boolean;
  perform: Perform;
}): JSX.Element {
  const { cell, session, frozen, running, perform } = props;
  const { trans, model } = useServices();
  const [toggled, setToggled] = React.useState(false);
  const id = React.useId();
  const reference: CellRef = { ...cell, action: 'edited' };
  const label = cellLabel(reference, trans);
  const elsewhere = cell.path === model.notebook ? '' : `${cell.path} `;
  const conflict = cell.state === 'conflict';
  // Both texts of a conflict are shown unasked.
  const open = toggled !== conflict;
  const undo = undoWord(cell, trans);
  return (
    <li
      className="jp-Agent-reviewCell"
      data-cell={cell.cell_id}
      data-kind={cell.kind}
      data-state={cell.state}
    >
      <div className="jp-Agent-reviewLine">
        <IconButton
          icon={open ? caretDownIcon : caretRightIcon}
          className="jp-Agent-expand"
          label={trans.__('What changed in %1', label)}
          expanded={open}
          onClick={() => setToggled(!toggled)}
        />
        <span className="jp-Agent-reviewWhat">
          {elsewhere}
          <Place cell={cell} reference={reference} label={label} /> {kindWord(cell, trans)}
          {cell.added + cell.removed > 0 && (
            <span className="jp-Agent-dim">{` +${cell.added} −${cell.removed}`}</span>
          )}
        </span>
        <span className="jp-Agent-actions">
          <button
            type="button"
            className="jp-Agent-button"
            data-action="keep"
            aria-label={`${keepWord(cell, trans)} ${label}`}
            disabled={frozen}
            onClick={() => perform(() => session.keep(cell))}
          >
            {keepWord(cell, trans)}
          </button>
          <button
            type="button"
            className={`jp-Agent-button ${conflict ? 'jp-mod-warn' : ''}`}
            data-action={conflict ? 'undo-anyway' : 'undo'}
            aria-label={`${undo} ${label}`}
            disabled={frozen || running}
            title={running ? trans.__('Stop the agent first') : undefined}
            onClick={() => perform(() => session.undo(cell, conflict))}
          >
            {undo}
          </button>
        </span>
      </div>
      <div id={id} hidden={!open}>
        {open && (conflict ? <Conflict cell={cell} /> : <Change cell={cell} />)}
      </div>
    </li>
  );
}

/** The cell's name, leading there; one that is gone leads nowhere. */
function Place(props: { cell: ReviewCell; reference: CellRef; label: string }): JSX.Element {
  const { cell, reference, label } = props;
  const { notebook, trans } = useServices();
  if (cell.kind === 'deleted') {
    return <s className="jp-Agent-tombstone">{label}</s>;
  }
  return (
    <button
      type="button"
      className="jp-Agent-cellLink"
      title={trans.__('Show the cell')}
      onClick={() => notebook.reveal(reference)}
    >
      {label}
    </button>
  );
}

function Change({ cell }: { cell: ReviewCell }): JSX.Element {
  const { trans } = useServices();
  if (cell.before === cell.after) {
    const words = {
      edited: trans.__('Its type was changed; its source is as it was.'),
      inserted: trans.__('It is empty.'),
      deleted: trans.__('It was empty.'),
      moved: trans.__('It stood elsewhere; its source is as it was.'),
      outputs: trans.__('Its outputs were cleared; its source is as it was.')
    };
    return <p className="jp-Agent-dim">{words[cell.kind]}</p>;
  }
  return <Diff before={cell.before} after={cell.after} context={CONTEXT} />;
}

/** Both texts: what the agent left, and what the person made of it. */
function Conflict({ cell }: { cell: ReviewCell }): JSX.Element {
  const { trans } = useServices();
  return (
    <>
      <p className="jp-Agent-warning">
        {cell.current == null
          ? trans.__('You deleted this cell since. Undoing brings it back as it was:')
          : trans.__('You changed this cell since. Undoing replaces what you wrote:')}
      </p>
      <Diff before={cell.current ?? ''} after={cell.before} context={CONTEXT} />
      <p className="jp-Agent-dim">{trans.__('What the agent had changed:')}</p>
      <Diff before={cell.before} after={cell.after} context={CONTEXT} />
    </>
  );
}

function kindWord(cell: ReviewCell, trans: TranslationBundle): string {
  const words = {
    edited: trans.__('edited'),
    inserted: trans.__('inserted'),
    deleted: trans.__('deleted'),
    moved: trans.__('moved'),
    outputs: trans.__('outputs cleared')
  };
  return words[cell.kind];
}

function keepWord(cell: ReviewCell, trans: TranslationBundle): string {
  return cell.state === 'conflict' ? trans.__('Keep mine') : trans.__('Keep');
}

function undoWord(cell: ReviewCell, trans: TranslationBundle): string {
  if (cell.state === 'conflict') {
    return trans.__('Undo anyway');
  }
  return cell.kind === 'deleted' ? trans.__('Restore') : trans.__('Undo');
}
