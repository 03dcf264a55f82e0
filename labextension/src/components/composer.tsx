// Where one writes: Enter sends, Alt+Enter queues, Esc stops, ↑ brings the last prompt back.
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { readTyped } from '../model/commands';
import type { Draft, Note } from '../model/draft';
import type { PromptContent } from '../model/prompt-content';
import { contentOf } from '../model/prompt-content';
import type { Delivery, PromptOptions } from '../model/session';
import type { Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { ComposerNote } from './composer-note';
import { pictureIcon, queueIcon, sendIcon } from './icons';
import { ACCEPTED_IMAGES, isImage, readImages } from './images';
import { DraftMentions } from './mention-chips';
import { Meter } from './meter';
import { ModelPicker } from './model-picker';
import { EffortPicker, ModePicker } from './pickers';
import { PromptField } from './prompt-field';
import { commandsNow, runCommand } from './run-command';
import { useServices } from './services';
import { useSignal } from './signals';
import { ToolImage } from './tool-card';
import { KeptPrompts, QueuedPrompts, useHeldPrompts } from './waiting-prompts';

export function Composer(props: { transcript: Transcript; disabled: boolean }): JSX.Element {
  const { transcript, disabled } = props;
  const services = useServices();
  const { model, trans, draft, complain } = services;
  useSignal(draft.changed);
  useHeldPrompts(transcript);
  const { running } = transcript;

  const prompt = (
    text: string,
    options: PromptOptions = {},
    delivery: Delivery = 'steer'
  ): void => {
    const written = draft.content;
    const { mentions, images } = written;
    draft.clear();
    model.prompt(text, images, delivery, { mentions, ...options }).catch(error => {
      // Nothing that was written gets lost.
      draft.offer(written);
      complain(error);
    });
  };
  const send = (delivery: Delivery): void => {
    const typed = readTyped(draft.text.trim(), commandsNow(services));
    if (typed.type === 'prompt') {
      if (!draft.isEmpty && !disabled) {
        prompt(typed.text, {}, delivery);
      }
    } else if (typed.type === 'unknown') {
      draft.say(unknownCommand(typed.name, typed.nearest, trans));
    } else {
      const written = draft.text;
      runCommand(typed.command, typed.argument, services, prompt).then(note => {
        if (draft.text === written && note?.kind !== 'problem') {
          draft.write('');
        }
        draft.say(note);
      }, complain);
    }
  };
  const stop = (): void => void model.session?.stop().catch(complain);
  const add = (files: Iterable<File>): void => {
    readImages(files, draft.images, trans).then(found => draft.attach(found), complain);
    const other = [...files].find(file => !isImage(file));
    if (other) {
      draft.say(notAPicture(other, trans));
    }
  };

  return (
    <div
      className="jp-Agent-composer"
      onDragOver={event => {
        if (event.dataTransfer.types.includes('Files')) {
          event.preventDefault();
        }
      }}
      onDrop={event => {
        if (event.dataTransfer.types.includes('Files')) {
          // Else the browser would leave Jupyter for the file.
          event.preventDefault();
          add(event.dataTransfer.files);
        }
      }}
    >
      <QueuedPrompts transcript={transcript} />
      <KeptPrompts draft={draft} />
      <ComposerNote draft={draft} />
      <Attachments draft={draft} />
      <DraftMentions draft={draft} />
      <PromptField
        draft={draft}
        running={running}
        send={send}
        stop={stop}
        paste={add}
        recall={() => lastPrompt(transcript)}
      />
      <div className="jp-Agent-controls">
        <span className="jp-Agent-pickers">
          <ModelPicker />
          <ModePicker />
          <EffortPicker />
          <ImageButton add={add} />
        </span>
        <span className="jp-Agent-actions" data-running={running}>
          {running && (
            <button
              type="button"
              className="jp-Agent-button jp-Agent-stopButton"
              aria-label={trans.__('Stop')}
              title={trans.__('Stop the agent (Esc)')}
              onClick={stop}
            >
              <stopIcon.react tag="span" elementSize="normal" />
              <span className="jp-Agent-buttonWord">{trans.__('Stop')}</span>
            </button>
          )}
          {running && !draft.isEmpty && (
            <button
              type="button"
              className="jp-Agent-button jp-Agent-queueButton"
              aria-label={trans.__('Queue')}
              title={trans.__('Send this when the agent has finished (Alt+Enter)')}
              disabled={disabled}
              onClick={() => send('queue')}
            >
              <queueIcon.react tag="span" elementSize="normal" />
              <span className="jp-Agent-buttonWord">{trans.__('Queue')}</span>
            </button>
          )}
          <button
            type="button"
            className="jp-Agent-button jp-mod-accept jp-Agent-sendButton"
            aria-label={running ? trans.__('Steer') : trans.__('Send')}
            disabled={draft.isEmpty || disabled}
            title={
              running
                ? trans.__('Tell the agent at its next step (Enter)')
                : trans.__('Send (Enter)')
            }
            onClick={() => send('steer')}
          >
            <sendIcon.react tag="span" elementSize="normal" />
            <span className="jp-Agent-buttonWord">
              {running ? trans.__('Steer') : trans.__('Send')}
            </span>
          </button>
        </span>
      </div>
      <Meter budget={transcript.budget ?? null} />
    </div>
  );
}

function notAPicture(file: File, trans: TranslationBundle): Note {
  return {
    kind: 'problem',
    text: trans.__(
      '%1 cannot be attached: only PNG, JPEG, GIF and WebP pictures can. Upload other files to ' +
        'Jupyter, and mention them with @file.',
      file.name
    )
  };
}

function unknownCommand(name: string, nearest: string, trans: TranslationBundle): Note {
  return {
    kind: 'problem',
    text: trans.__(
      'There is no command /%1, and nothing was sent. Did you mean /%2? To send the text as it is, write //.',
      name,
      nearest
    ),
    offer: `/${nearest} `
  };
}

function Attachments({ draft }: { draft: Draft }): JSX.Element | null {
  const { trans } = useServices();
  if (draft.images.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Agent-attachments" aria-label={trans.__('Pictures to send')}>
      {draft.images.map((image, at) => (
        <li key={at}>
          <ToolImage image={image} />
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove the picture')}
            onClick={() => draft.detach(image)}
          />
        </li>
      ))}
    </ul>
  );
}

function ImageButton({ add }: { add: (files: Iterable<File>) => void }): JSX.Element | null {
  const { model, trans } = useServices();
  const input = React.useRef<HTMLInputElement>(null);
  if (model.model && !model.model.capabilities.vision) {
    return null;
  }
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={ACCEPTED_IMAGES.join(',')}
        onChange={event => {
          add(event.target.files ?? []);
          event.target.value = '';
        }}
      />
      <IconButton
        icon={pictureIcon}
        label={trans.__('Add pictures')}
        onClick={() => input.current?.click()}
      />
    </>
  );
}

function lastPrompt(transcript: Transcript): PromptContent | null {
  for (const entry of [...transcript.entries].reverse()) {
    if (entry.type === 'message' && entry.message.role === 'user') {
      return contentOf(entry.message);
    }
  }
  return null;
}
