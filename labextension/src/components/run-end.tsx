// How a run ended when it did not simply end, and the way on; and sentences between messages.
import type { LabIcon } from '@jupyterlab/ui-components';
import { bellIcon, errorIcon, infoIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { RequestFailed } from '../model/failures';
import type { SessionModel } from '../model/session';
import type { NoticeEntry, RunEntry, RunStatus } from '../protocol/types';
import { useServices } from './services';

const ICONS: Record<RunStatus, LabIcon> = {
  done: infoIcon,
  stopped: stopIcon,
  failed: errorIcon,
  interrupted: refreshIcon,
  limit: bellIcon
};
// Errors that another attempt would only repeat.
const NEEDS_PROVIDER = new Set(['missing_key', 'unauthorized', 'unknown_model', 'config_error']);

export const RunEnd = React.memo(function RunEnd(props: {
  entry: RunEntry;
  session: SessionModel;
  last: boolean;
  showProviders: () => void;
}): JSX.Element {
  const { entry, session, last } = props;
  const { trans, complain } = useServices();
  const Icon = ICONS[entry.status];
  const words: Record<RunStatus, string> = {
    done: trans.__('Done.'),
    stopped: trans.__('Stopped.'),
    failed: trans.__('The run failed.'),
    interrupted: trans.__('The run was interrupted.'),
    limit: trans.__('A limit was reached.')
  };
  const again = entry.status === 'interrupted' ? trans.__('Resume') : trans.__('Retry');
  const offerProviders = NEEDS_PROVIDER.has(entry.error?.code ?? '');
  const carryOn = (): void => void goOn(session, trans.__('Please try again.')).catch(complain);
  return (
    <div className="jp-Agent-runEnd" data-status={entry.status} role="note">
      <Icon.react tag="span" elementSize="normal" />
      <span className="jp-Agent-runEndText">{entry.error?.message ?? words[entry.status]}</span>
      {last && offerProviders && (
        <button type="button" className="jp-Agent-button" onClick={props.showProviders}>
          {trans.__('Set up models')}
        </button>
      )}
      {last && entry.status !== 'stopped' && entry.status !== 'done' && (
        <button
          type="button"
          className="jp-Agent-button"
          data-action={entry.status === 'interrupted' ? 'resume' : 'retry'}
          onClick={carryOn}
        >
          {again}
        </button>
      )}
    </div>
  );
});

/** Go on with a run; where there is nothing to go on with, ask anew. */
async function goOn(session: SessionModel, words: string): Promise<void> {
  try {
    await session.resume();
  } catch (error) {
    if (!(error instanceof RequestFailed) || error.info.code !== 'not_allowed') {
      throw error;
    }
    await session.prompt(words);
  }
}

/** A notice in the person's language, where it is known what it was made of. */
function noticeText({ code, text, values }: NoticeEntry, trans: TranslationBundle): string {
  if (!values) {
    return text;
  }
  switch (code) {
    case 'retry': {
      const seconds = Math.round(Number(values.delay));
      return trans.__('%1 Trying again in %2 s.', values.message, seconds);
    }
    case 'context_compacted': {
      const [before, after] = [Number(values.before), Number(values.after)];
      return trans.__(
        'Older turns were summarised for the model: %1 → %2 tokens.',
        before.toLocaleString(),
        after.toLocaleString()
      );
    }
    default:
      return text;
  }
}

export const Notice = React.memo(function Notice(props: { entry: NoticeEntry }): JSX.Element {
  const { level, code, path } = props.entry;
  const { trans, notebook } = useServices();
  const Icon = level === 'error' ? errorIcon : level === 'warning' ? bellIcon : infoIcon;
  return (
    <div className="jp-Agent-notice" data-level={level} role="note">
      <Icon.react tag="span" elementSize="normal" />
      <span className="jp-Agent-runEndText">{noticeText(props.entry, trans)}</span>
      {code === 'kernel_still_running' && path && (
        <button
          type="button"
          className="jp-Agent-button"
          data-action="restart-kernel"
          onClick={() => notebook.restartKernel(path)}
        >
          {trans.__('Restart kernel…')}
        </button>
      )}
    </div>
  );
});
