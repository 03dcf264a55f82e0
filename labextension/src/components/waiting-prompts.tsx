// Prompts above the composer: those that wait for the agent, and those that came back while
// something else was being written. None is lost by taking it back.
import { closeIcon, editIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Draft } from '../model/draft';
import type { PromptContent } from '../model/prompt-content';
import type { QueuedPrompt, Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { useServices } from './services';

export function QueuedPrompts({ transcript }: { transcript: Transcript }): JSX.Element | null {
  const { model, trans, draft, complain } = useServices();
  if (transcript.queued.length === 0) {
    return null;
  }
  const takeBack = async (prompt: QueuedPrompt): Promise<void> => {
    await model.session?.unqueue(prompt.id);
    draft.offer(prompt);
  };
  const words = {
    steer: trans.__('next step'),
    queue: trans.__('queued'),
    held: trans.__('not sent')
  };
  return (
    <ul className="jp-Agent-queue" aria-label={trans.__('Waiting prompts')}>
      {transcript.queued.map(prompt => (
        <li key={prompt.id} className="jp-Agent-chip" data-delivery={prompt.delivery}>
          <span className="jp-Agent-chipKind">{words[prompt.delivery]}</span>
          <PromptWords content={prompt} />
          <IconButton
            icon={editIcon}
            label={trans.__('Take this prompt back')}
            onClick={() => void takeBack(prompt).catch(complain)}
          />
        </li>
      ))}
    </ul>
  );
}

/**
 * Take what a run left undelivered back into the composer. Of several windows the first has it: the
 * server gives each prompt back once.
 */
export function useHeldPrompts(transcript: Transcript): void {
  const { model, draft } = useServices();
  const { session } = model;
  const asked = React.useRef(new Set<string>());
  const { queued, running } = transcript;
  React.useEffect(() => {
    if (running || session === null || document.visibilityState === 'hidden') {
      return;
    }
    for (const prompt of queued) {
      if (prompt.delivery === 'held' && !asked.current.has(prompt.id)) {
        asked.current.add(prompt.id);
        session.unqueue(prompt.id).then(
          () => draft.offer(prompt),
          () => undefined // it stays where it is shown, or another window has it
        );
      }
    }
  }, [queued, running, session, draft]);
}

export function KeptPrompts({ draft }: { draft: Draft }): JSX.Element | null {
  const { trans } = useServices();
  if (draft.kept.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Agent-queue" aria-label={trans.__('Prompts that were not sent')}>
      {draft.kept.map((content, at) => (
        <li key={at} className="jp-Agent-chip" data-delivery="kept">
          <span className="jp-Agent-chipKind">{trans.__('not sent')}</span>
          <PromptWords content={content} />
          <IconButton
            icon={editIcon}
            label={trans.__('Write on with this prompt')}
            onClick={() => draft.bringBack(content)}
          />
          <IconButton
            icon={closeIcon}
            label={trans.__('Forget this prompt')}
            onClick={() => draft.drop(content)}
          />
        </li>
      ))}
    </ul>
  );
}

function PromptWords({ content }: { content: PromptContent }): JSX.Element {
  const { trans } = useServices();
  const { text, images } = content;
  const pictures = trans._n('%1 picture', '%1 pictures', images.length);
  const words = [text, ...(images.length > 0 ? [pictures] : [])].filter(Boolean).join(' · ');
  return (
    <span className="jp-Agent-chipText" title={text}>
      {words}
    </span>
  );
}
