// Where one writes: Enter sends, Alt+Enter queues, Esc stops, ↑ brings the last prompt back.
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { readTyped } from '../model/commands';
import type { Note } from '../model/draft';
import type { Delivery, PromptOptions } from '../model/session';
import type { ImagePart, Mention, Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { ComposerNote } from './composer-note';
import { pictureIcon } from './icons';
import { ACCEPTED_IMAGES, hasImages, readImages } from './images';
import { DraftMentions } from './mention-chips';
import { Meter } from './meter';
import { ModelPicker } from './model-picker';
import { EffortPicker, ModePicker } from './pickers';
import { PromptField } from './prompt-field';
import { commandsNow, runCommand } from './run-command';
import { useServices } from './services';
import { useSignal } from './signals';
import { ToolImage } from './tool-card';

export function Composer(props: { transcript: Transcript; disabled: boolean }): JSX.Element {
  const { transcript, disabled } = props;
  const services = useServices();
  const { model, trans, draft, complain } = services;
  const [images, setImages] = React.useState<readonly ImagePart[]>([]);
  useSignal(draft.changed);
  const { running } = transcript;
  React.useEffect(() => {
    const take = (): void => {
      const offered = model.takeOffered();
      if (offered && draft.text === '') {
        draft.write(offered);
      }
    };
    model.changed.connect(take);
    return () => {
      model.changed.disconnect(take);
    };
  }, [model, draft]);
  const empty = draft.text.trim() === '' && images.length === 0;

  const prompt = (
    text: string,
    options: PromptOptions = {},
    delivery: Delivery = 'steer'
  ): void => {
    const written = draft.text;
    const { mentions } = draft;
    draft.clear();
    setImages([]);
    model.prompt(text, images, delivery, { mentions, ...options }).catch(error => {
      // Nothing that was written gets lost.
      if (draft.text === '') {
        draft.write(written, mentions);
      }
      setImages(now => (now.length > 0 ? now : images));
      complain(error);
    });
  };
  const send = (delivery: Delivery): void => {
    const typed = readTyped(draft.text.trim(), commandsNow(services));
    if (typed.type === 'prompt') {
      if ((typed.text || images.length > 0) && !disabled) {
        prompt(typed.text, {}, delivery);
      }
    } else if (typed.type === 'unknown') {
      draft.say(unknownCommand(typed.name, typed.nearest, trans));
    } else {
      const written = draft.text;
      runCommand(typed.command, typed.argument, services, prompt).then(note => {
        if (draft.text === written && note?.kind !== 'problem') {
          draft.clear();
        }
        draft.say(note);
      }, complain);
    }
  };
  const stop = (): void => void model.session?.stop().catch(complain);
  const add = (files: Iterable<File>): void => {
    readImages(files, images, trans).then(found => setImages(now => [...now, ...found]), complain);
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
        if (hasImages(event.dataTransfer.files)) {
          event.preventDefault();
          add(event.dataTransfer.files);
        }
      }}
    >
      <Queue transcript={transcript} />
      <ComposerNote draft={draft} />
      <Attachments
        images={images}
        remove={at => setImages(images.filter((_, index) => index !== at))}
      />
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
        <ModelPicker />
        <ModePicker />
        <EffortPicker />
        <ImageButton add={add} />
        <span className="jp-Agent-actions">
          {running && (
            <button type="button" className="jp-Agent-button jp-Agent-stopButton" onClick={stop}>
              <stopIcon.react tag="span" elementSize="normal" />
              {trans.__('Stop')}
            </button>
          )}
          <button
            type="button"
            className="jp-Agent-button jp-mod-accept jp-Agent-sendButton"
            disabled={empty || disabled}
            title={running ? trans.__('Steer the run now; Alt+Enter queues for later') : undefined}
            onClick={() => send('steer')}
          >
            {running ? trans.__('Steer') : trans.__('Send')}
          </button>
        </span>
      </div>
      <Meter budget={transcript.budget ?? null} />
    </div>
  );
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

/** Prompts that wait, each of which can be taken back. */
function Queue({ transcript }: { transcript: Transcript }): JSX.Element | null {
  const { model, trans, complain } = useServices();
  if (transcript.queued.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Agent-queue" aria-label={trans.__('Waiting prompts')}>
      {transcript.queued.map(prompt => (
        <li key={prompt.id} className="jp-Agent-chip" data-delivery={prompt.delivery}>
          <span className="jp-Agent-chipKind">
            {prompt.delivery === 'steer' ? trans.__('next step') : trans.__('queued')}
          </span>
          <span className="jp-Agent-chipText">{prompt.text}</span>
          <IconButton
            icon={closeIcon}
            label={trans.__('Take this prompt back')}
            onClick={() => void model.session?.unqueue(prompt.id).catch(complain)}
          />
        </li>
      ))}
    </ul>
  );
}

function Attachments(props: {
  images: readonly ImagePart[];
  remove: (at: number) => void;
}): JSX.Element | null {
  const { trans } = useServices();
  if (props.images.length === 0) {
    return null;
  }
  return (
    <ul className="jp-Agent-attachments" aria-label={trans.__('Pictures to send')}>
      {props.images.map((image, at) => (
        <li key={at}>
          <ToolImage image={image} />
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove the picture')}
            onClick={() => props.remove(at)}
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

function lastPrompt(transcript: Transcript): { text: string; mentions: readonly Mention[] } | null {
  for (const entry of [...transcript.entries].reverse()) {
    if (entry.type === 'message' && entry.message.role === 'user') {
      const { parts } = entry.message;
      return {
        text: parts.map(part => (part.type === 'text' ? part.text : '')).join(''),
        mentions: parts.flatMap(part => (part.type === 'mention' ? [part.mention] : []))
      };
    }
  }
  return null;
}
