// What the composer says by itself: help, cost, why a command was not carried out.
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Draft } from '../model/draft';
import { IconButton } from './code-block';
import { useServices } from './services';
import { useSignal } from './signals';

export function ComposerNote({ draft }: { draft: Draft }): JSX.Element {
  const { trans } = useServices();
  useSignal(draft.changed);
  const { note } = draft;
  // There before it has words, so that a screen reader tells them.
  return (
    <div role="status" className="jp-Agent-noteHost">
      {note && (
        <div className="jp-Agent-note" data-kind={note.kind}>
          <div className="jp-Agent-noteBody">
            <p>{note.text}</p>
            {note.rows && (
              <dl>
                {note.rows.map(([term, words]) => (
                  <React.Fragment key={term}>
                    <dt>{term}</dt>
                    <dd>{words}</dd>
                  </React.Fragment>
                ))}
              </dl>
            )}
            {note.offer !== undefined && <Offer draft={draft} text={note.offer} />}
          </div>
          <IconButton icon={closeIcon} label={trans.__('Close')} onClick={() => draft.say(null)} />
        </div>
      )}
    </div>
  );
}

function Offer({ draft, text }: { draft: Draft; text: string }): JSX.Element {
  const { trans } = useServices();
  return (
    <button
      type="button"
      className="jp-Agent-button"
      onClick={event => {
        draft.write(text, [], text.length);
        const composer = event.currentTarget.closest('.jp-Agent-composer');
        composer?.querySelector('textarea')?.focus();
      }}
    >
      {trans.__('Write %1', text.trim())}
    </button>
  );
}
