// Going back to an earlier prompt: to edit it, or to have it answered once more.
import type { TranslationBundle } from '@jupyterlab/translation';
import { editIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { AgentModel } from '../model/agent';
import { contentOf } from '../model/prompt-content';
import type { SessionModel } from '../model/session';
import type { Message } from '../protocol/types';
import { IconButton } from './code-block';
import { useServices } from './services';

/** The pencil at a prompt: it comes back into the composer, in a session that ends before it. */
export function EditPrompt(props: { session: SessionModel; message: Message }): JSX.Element {
  const { session, message } = props;
  const { model, trans, draft, complain } = useServices();
  const edit = async (from: HTMLElement | null): Promise<void> => {
    if (session.transcript.running) {
      throw new Error(stopFirst(trans));
    }
    await model.goBack(message.id);
    draft.offer(contentOf(message));
    draft.say({
      kind: 'info',
      text: trans.__(
        'You are editing an earlier prompt. The conversation goes on from there in a new session; ' +
          'the old one stays in the list. The notebook stays as it is.'
      )
    });
    from?.querySelector<HTMLElement>('.jp-Agent-field')?.focus();
  };
  const root = (): HTMLElement | null => document.querySelector('.jp-Agent-panel');
  return (
    <IconButton
      icon={editIcon}
      className="jp-Agent-editPrompt"
      label={trans.__('Edit this prompt')}
      onClick={() => void edit(root()).catch(complain)}
    />
  );
}

/** Have the prompt of an answer answered anew, in a session that ends before it. */
export async function tryAgain(
  model: AgentModel,
  session: SessionModel,
  answer: Message,
  trans: TranslationBundle
): Promise<void> {
  const { entries, running } = session.transcript;
  if (running) {
    throw new Error(stopFirst(trans));
  }
  let prompt: Message | null = null;
  for (const entry of entries) {
    if (entry.type === 'message') {
      if (entry.message.id === answer.id) {
        break;
      }
      prompt = entry.message.role === 'user' ? entry.message : prompt;
    }
  }
  if (prompt === null) {
    throw new Error(trans.__('The prompt of this answer is not in the conversation any more.'));
  }
  const { text, images, mentions } = contentOf(prompt);
  await model.goBack(prompt.id);
  await model.prompt(text, images, 'steer', { mentions });
}

function stopFirst(trans: TranslationBundle): string {
  return trans.__('The agent is at work. Stop it first.');
}
