// How a run ended when it did not simply end, and the way on; and sentences between messages.
import type { LabIcon } from '@jupyterlab/ui-components';
import { bellIcon, errorIcon, infoIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { RequestFailed } from '../model/failures';
import type { SessionModel } from '../model/session';
import type { NoticeEntry, RunEntry, RunStatus } from '../protocol/types';
import { useServices } from './services';
import { withCode } from './with-code';

const ICONS: Record<RunStatus, LabIcon> = {
  done: infoIcon,
  stopped: stopIcon,
  failed: errorIcon,
  interrupted: refreshIcon,
  limit: bellIcon
};
// Errors that another attempt would only repeat, and what helps instead.
const NEEDS_PROVIDER = new Set(['missing_key', 'unauthorized', 'unknown_model', 'config_error']);
const NEEDS_ROOM = new Set(['context_overflow']);
const NEEDS_OTHER_MODEL = new Set([
  'context_overflow',
  'rate_limited',
  'overloaded',
  'refused',
  'unknown_model',
  'unsupported_capability'
]);

export const RunEnd = React.memo(function RunEnd(props: {
  entry: RunEntry;
  session: SessionModel;
  last: boolean;
  showProviders: () => void;
}): JSX.Element {
  const { entry, session, last } = props;
  const { trans, complain } = useServices();
  const Icon = ICONS[entry.status];
  const code = entry.error?.code ?? '';
  const words: Record<RunStatus, string> = {
    done: trans.__('Done.'),
    stopped: trans.__('Stopped.'),
    failed: trans.__('The run failed.'),
    interrupted: trans.__('The run was interrupted.'),
    limit: trans.__('A limit was reached.')
  };
  const again = {
    interrupted: trans.__('Resume'),
    limit: trans.__('Go on')
  } as Partial<Record<RunStatus, string>>;
  const carryOn = (): void => void goOn(session, trans.__('Please try again.')).catch(complain);
  return (
    <div className="jp-Agent-runEnd" data-status={entry.status} role="note">
      <Icon.react tag="span" elementSize="normal" />
      <span className="jp-Agent-runEndText">
        {withCode(entry.error?.message ?? words[entry.status])}
      </span>
      {last && NEEDS_PROVIDER.has(code) && (
        <button type="button" className="jp-Agent-button" onClick={props.showProviders}>
          {trans.__('Set up models')}
        </button>
      )}
      {last && NEEDS_ROOM.has(code) && <MakeRoom session={session} />}
      {last && NEEDS_OTHER_MODEL.has(code) && <OtherModel />}
      {last && canGoOn(entry) && (
        <button
          type="button"
          className="jp-Agent-button"
          data-action={entry.status === 'interrupted' ? 'resume' : 'retry'}
          onClick={carryOn}
        >
          {again[entry.status] ?? trans.__('Retry')}
        </button>
      )}
    </div>
  );
});

/** Whether another attempt can end otherwise, as things are. */
function canGoOn({ status, error }: RunEntry): boolean {
  return status !== 'stopped' && status !== 'done' && !NEEDS_ROOM.has(error?.code ?? '');
}

/** The model's window is full: summarise and go on, or begin anew. */
function MakeRoom({ session }: { session: SessionModel }): JSX.Element {
  const { model, trans, complain } = useServices();
  const [busy, setBusy] = React.useState(false);
  const summarise = (): void => {
    setBusy(true);
    session
      .compact()
      .catch(complain)
      .finally(() => setBusy(false));
  };
  return (
    <>
      <button
        type="button"
        className="jp-Agent-button"
        data-action="summarise"
        title={trans.__('Have older turns summarised, to make room for more')}
        disabled={busy}
        onClick={summarise}
      >
        {trans.__('Summarise')}
      </button>
      <button
        type="button"
        className="jp-Agent-button"
        data-action="new-session"
        onClick={() => model.startNew()}
      >
        {trans.__('New session')}
      </button>
    </>
  );
}

function OtherModel(): JSX.Element {
  const { model, trans } = useServices();
  return (
    <button
      type="button"
      className="jp-Agent-button"
      data-action="other-model"
      onClick={() => model.view.pickModel()}
    >
      {trans.__('Other model')}
    </button>
  );
}

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

/** `live`: nothing has come after it, and the run goes on. */
export const Notice = React.memo(function Notice(props: {
  entry: NoticeEntry;
  session: SessionModel;
  live: boolean;
  last: boolean;
}): JSX.Element {
  const { entry, session, live, last } = props;
  const { level, code, path } = entry;
  const { trans, notebook } = useServices();
  const Icon = level === 'error' ? errorIcon : level === 'warning' ? bellIcon : infoIcon;
  return (
    <div className="jp-Agent-notice" data-level={level} role="note">
      <Icon.react tag="span" elementSize="normal" />
      <span className="jp-Agent-runEndText">
        {code === 'retry' && entry.values ? (
          <RetryWords values={entry.values} live={live} />
        ) : (
          withCode(noticeText(entry, trans))
        )}
      </span>
      {last && code === 'context_overflow' && <MakeRoom session={session} />}
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

/** Why the model is asked again, and how long until then, counted down. */
function RetryWords(props: {
  values: NonNullable<NoticeEntry['values']>;
  live: boolean;
}): JSX.Element {
  const { values, live } = props;
  const { trans } = useServices();
  const [left, setLeft] = React.useState(() => Math.round(Number(values.delay)));
  React.useEffect(() => {
    const until = performance.now() + 1000 * Number(values.delay);
    const look = (): void => setLeft(Math.max(0, Math.round((until - performance.now()) / 1000)));
    look();
    if (!live) {
      return undefined;
    }
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [values, live]);
  const attempts = Number(values.attempt ?? 1);
  if (!live) {
    return (
      <>
        {trans._n('%2 Asked again.', '%2 Asked again %1 times.', attempts, String(values.message))}
      </>
    );
  }
  return (
    <>
      {left > 0
        ? trans.__('%1 Trying again in %2 s.', values.message, left)
        : trans.__('%1 Trying again now…', values.message)}
    </>
  );
}
