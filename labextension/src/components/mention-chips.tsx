// What a prompt mentions, as chips: while it is written, and in the transcript.
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Draft } from '../model/draft';
import { withoutMention } from '../model/mentions';
import type { MentionPart } from '../protocol/types';
import { IconButton } from './code-block';
import { VisibleText } from './code-text';
import { useServices } from './services';
import { useSignal } from './signals';

/** What the draft mentions; each can be taken out. */
export function DraftMentions({ draft }: { draft: Draft }): JSX.Element | null {
  const { trans } = useServices();
  useSignal(draft.changed);
  if (draft.mentions.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Agent-mentions" aria-label={trans.__('Mentioned')}>
      {draft.mentions.map(mention => (
        <li key={mention.label} className="jp-Agent-chip">
          <span className="jp-Agent-chipText">
            <VisibleText text={mention.label} />
          </span>
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove %1', mention.label)}
            onClick={() => draft.write(withoutMention(draft.text, mention))}
          />
        </li>
      ))}
    </ul>
  );
}

/** What a prompt mentioned, and why what could not be read was not. */
export function MentionedList(props: { mentions: readonly MentionPart[] }): JSX.Element | null {
  const { trans } = useServices();
  if (props.mentions.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Agent-mentions" aria-label={trans.__('Mentioned')}>
      {props.mentions.map(({ mention, status, problem }) => (
        <li key={mention.label} className="jp-Agent-chip jp-Agent-mention" data-status={status}>
          <span className="jp-Agent-chipText">
            <VisibleText text={mention.label} />
          </span>
          {problem && (
            <span className="jp-Agent-mentionProblem">
              {'⚠ '}
              <VisibleText text={problem} />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}
