// Tells screen readers what happens: changes of state, never single words of an answer.
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import type { Transcript } from '../protocol/types';
import { useServices } from './services';

/** `transcript` is null until it is there: what it begins with is no change. */
export function Announcer({ transcript }: { transcript: Transcript | null }): JSX.Element {
  const { trans } = useServices();
  const before = React.useRef<Transcript | null>(null);
  const [words, setWords] = React.useState('');
  React.useEffect(() => {
    if (transcript === null) {
      return;
    }
    const start = before.current ?? { ...EMPTY_TRANSCRIPT, review: transcript.review };
    const news = announcement(start, transcript, trans);
    before.current = transcript;
    if (news !== null) {
      setWords(news);
    }
  }, [transcript, trans]);
  return (
    <div className="jp-Agent-announcer" role="status" aria-live="polite">
      {words}
    </div>
  );
}

/** What changed, in a sentence; null when there is nothing to say. */
export function announcement(
  before: Transcript,
  after: Transcript,
  trans: TranslationBundle
): string | null {
  const known = new Set(before.approvals.map(one => one.approval_id));
  const approval = after.approvals.filter(one => !known.has(one.approval_id)).at(-1);
  if (approval) {
    return trans.__('The agent asks: %1. Allow or deny it in the conversation.', approval.title);
  }
  const asked = new Set(before.questions.map(one => one.question_id));
  const question = after.questions.filter(one => !asked.has(one.question_id)).at(-1);
  if (question) {
    return trans.__('The agent asks: %1', question.question);
  }
  if (after.running && !before.running) {
    return trans.__('The agent is working.');
  }
  if (before.running && !after.running) {
    const last = after.entries.at(-1);
    if (last?.type !== 'run') {
      const changed = after.review.length;
      return changed === 0
        ? trans.__('The agent has finished.')
        : trans._n(
            'The agent has finished. %1 changed cell can be kept or undone.',
            'The agent has finished. %1 changed cells can be kept or undone.',
            changed
          );
    }
    return last.status === 'stopped'
      ? trans.__('The agent was stopped.')
      : (last.error?.message ?? trans.__('The run did not finish.'));
  }
  if (!after.running && reviewKey(after) !== reviewKey(before)) {
    return reviewNews(after, trans);
  }
  const failed = Object.values(after.tools).find(
    tool => tool.status === 'error' && before.tools[tool.call_id]?.status === 'running'
  );
  return failed ? trans.__('Failed: %1', `${failed.title} ${failed.summary}`.trim()) : null;
}

/** What of the review is told: the same after a reload, however it came. */
function reviewKey({ review }: Transcript): string {
  return JSON.stringify(review.map(cell => [cell.path, cell.cell_id, cell.state]));
}

function reviewNews(after: Transcript, trans: TranslationBundle): string {
  const conflicts = after.review.filter(cell => cell.state === 'conflict').length;
  if (conflicts > 0) {
    return trans._n(
      '%1 cell that you changed since was left alone.',
      '%1 cells that you changed since were left alone.',
      conflicts
    );
  }
  const left = after.review.length;
  return left === 0
    ? trans.__('No change is left to review.')
    : trans._n('%1 changed cell is left to review.', '%1 changed cells are left to review.', left);
}
