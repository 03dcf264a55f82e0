// Going back to before a prompt: the notebook, the conversation, or both; said first, then done.
import { undoIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { failureText } from '../model/failures';
import { contentOf } from '../model/prompt-content';
import type { SessionModel } from '../model/session';
import type { Message, Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { useServices } from './services';
import { useSession } from './signals';

type What = 'notebook' | 'conversation' | 'both';

/** `children` draws the prompt, with the button that opens the form below it. */
export function Restore(props: {
  session: SessionModel;
  message: Message;
  children: (toggle: JSX.Element) => JSX.Element;
}): JSX.Element {
  const { trans } = useServices();
  const [open, setOpen] = React.useState(false);
  const box = React.useRef<HTMLDivElement>(null);
  const close = (): void => {
    setOpen(false);
    box.current?.querySelector<HTMLElement>('.jp-Agent-restoreButton')?.focus();
  };
  return (
    <div ref={box} className="jp-Agent-restore">
      {props.children(
        <IconButton
          icon={undoIcon}
          className="jp-Agent-restoreButton"
          label={trans.__('Restore to before this prompt…')}
          expanded={open}
          onClick={() => setOpen(!open)}
        />
      )}
      {open && <RestoreForm {...props} close={close} />}
    </div>
  );
}

function RestoreForm(props: {
  session: SessionModel;
  message: Message;
  close: () => void;
}): JSX.Element {
  const { session, message, close } = props;
  const { trans, model, draft } = useServices();
  const { transcript } = useSession(session);
  const paths = changedSince(transcript, message);
  const [what, setWhat] = React.useState<What>(paths.length > 0 ? 'notebook' : 'conversation');
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState('');
  const name = React.useId();
  const restore = async (): Promise<void> => {
    if (what !== 'conversation') {
      await session.restore(message.id);
    }
    if (what !== 'notebook') {
      await model.goBack(message.id);
      draft.offer(contentOf(message));
    }
  };
  const onSubmit = (event: React.FormEvent): void => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    restore()
      .then(close, error => setProblem(failureText(error, trans)))
      .finally(() => setBusy(false));
  };
  return (
    <form
      className="jp-Agent-restoreForm"
      onSubmit={onSubmit}
      onKeyDown={event => event.key === 'Escape' && close()}
    >
      <fieldset disabled={busy}>
        <legend>{trans.__('Restore to before this prompt')}</legend>
        {(['notebook', 'conversation', 'both'] as const).map(choice => (
          <label key={choice} className="jp-Agent-check">
            <input
              type="radio"
              name={name}
              value={choice}
              autoFocus={choice === what}
              checked={choice === what}
              disabled={choice !== 'conversation' && paths.length === 0}
              onChange={() => setWhat(choice)}
            />
            {choiceWord(choice, trans)}
          </label>
        ))}
      </fieldset>
      <p className="jp-Agent-dim" data-consequence={what}>
        {consequences(what, paths, trans).join(' ')}
      </p>
      {transcript.running && (
        <p className="jp-Agent-warning">{trans.__('The agent is at work. Stop it first.')}</p>
      )}
      {problem && (
        <p className="jp-Agent-warning" role="alert">
          {problem}
        </p>
      )}
      <span className="jp-Agent-answers">
        <button
          type="submit"
          className="jp-Agent-button jp-mod-accept"
          data-action="restore"
          disabled={busy || transcript.running}
        >
          {busy ? trans.__('Restoring…') : trans.__('Restore')}
        </button>
        <button type="button" className="jp-Agent-button" onClick={close}>
          {trans.__('Cancel')}
        </button>
      </span>
    </form>
  );
}

/** The notebooks that this prompt or a later one changed. */
function changedSince(transcript: Transcript, message: Message): string[] {
  const ids = transcript.entries.flatMap(entry =>
    entry.type === 'message' ? [entry.message.id] : []
  );
  const later = new Set(ids.slice(ids.indexOf(message.id)));
  const found = transcript.checkpoints.filter(one => later.has(one.message_id ?? ''));
  return [...new Set(found.map(one => one.path))];
}

function choiceWord(choice: What, trans: TranslationBundle): string {
  const words = {
    notebook: trans.__('The notebook'),
    conversation: trans.__('The conversation'),
    both: trans.__('Both')
  };
  return words[choice];
}

/** What will happen, in sentences. */
function consequences(what: What, paths: readonly string[], trans: TranslationBundle): string[] {
  const notebook = trans.__(
    'What the agent has changed in %1 since then is undone, outputs included; what you changed ' +
      'stays. The kernel keeps its variables.',
    paths.join(', ')
  );
  const conversation = trans.__(
    'A new session goes on from before this prompt, with the prompt in the composer, or above it ' +
      'while something else is written there. This session stays in the list.'
  );
  const words = { notebook: [notebook], conversation: [conversation] };
  const nothing = paths.length === 0 ? [trans.__('No change of a notebook is on record.')] : [];
  return [...(what === 'both' ? [notebook, conversation] : words[what]), ...nothing];
}
