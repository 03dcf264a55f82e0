// A prompt on its way to the server.
import * as React from 'react';

import type { SentPrompt } from '../model/session';
import { useServices } from './services';
import { ToolImage } from './tool-card';

export function SentPromptView({ prompt }: { prompt: SentPrompt }): JSX.Element {
  const { trans } = useServices();
  return (
    <article
      className="jp-Agent-message jp-mod-sending"
      data-role="user"
      aria-label={trans.__('You, being sent')}
    >
      <div className="jp-Agent-userText">{prompt.text}</div>
      {prompt.images.map((image, at) => (
        <ToolImage key={at} image={image} />
      ))}
    </article>
  );
}

/** The first prompts of a session that the server is making. */
export function BeginningView({ prompts }: { prompts: readonly SentPrompt[] }): JSX.Element {
  return (
    <div className="jp-Agent-transcriptBox">
      <div className="jp-Agent-transcript">
        <div className="jp-Agent-entries">
          {prompts.map(prompt => (
            <SentPromptView key={prompt.opId} prompt={prompt} />
          ))}
        </div>
      </div>
    </div>
  );
}
