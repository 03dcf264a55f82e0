// Where one writes: Enter sends, Alt+Enter queues, Esc stops, ↑ brings the last prompt back.
import { closeIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Delivery } from '../model/session';
import type { ImagePart, Transcript } from '../protocol/types';
import { IconButton } from './code-block';
import { pictureIcon } from './icons';
import { ACCEPTED_IMAGES, hasImages, readImages } from './images';
import { Meter } from './meter';
import { ModelPicker } from './model-picker';
import { EffortPicker, ModePicker } from './pickers';
import { useServices } from './services';
import { ToolImage } from './tool-card';

export function Composer(props: { transcript: Transcript; disabled: boolean }): JSX.Element {
  const { transcript, disabled } = props;
  const { model, trans, complain } = useServices();
  const [text, setText] = React.useState('');
  const [images, setImages] = React.useState<readonly ImagePart[]>([]);
  const { running } = transcript;
  React.useEffect(() => {
    const take = (): void => {
      const offered = model.takeOffered();
      setText(now => now || offered);
    };
    model.changed.connect(take);
    return () => {
      model.changed.disconnect(take);
    };
  }, [model]);
  const empty = text.trim() === '' && images.length === 0;

  const send = (delivery: Delivery): void => {
    if (empty || disabled) {
      return;
    }
    setText('');
    setImages([]);
    model.prompt(text.trim(), images, delivery).catch(error => {
      // Nothing that was written gets lost.
      setText(now => now || text);
      setImages(now => (now.length > 0 ? now : images));
      complain(error);
    });
  };
  const stop = (): void => void model.session?.stop().catch(complain);
  const add = (files: Iterable<File>): void => {
    readImages(files).then(found => setImages(now => [...now, ...found]), complain);
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
      <Attachments
        images={images}
        remove={at => setImages(images.filter((_, index) => index !== at))}
      />
      <Field
        text={text}
        setText={setText}
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

function Field(props: {
  text: string;
  setText: (text: string) => void;
  running: boolean;
  send: (delivery: Delivery) => void;
  stop: () => void;
  paste: (files: Iterable<File>) => void;
  recall: () => string;
}): JSX.Element {
  const { text, setText, running, send } = props;
  const { trans } = useServices();
  const field = React.useRef<HTMLTextAreaElement>(null);
  React.useLayoutEffect(() => {
    // As high as its text; the style sheet sets the limit.
    if (field.current) {
      field.current.style.height = 'auto';
      field.current.style.height = `${field.current.scrollHeight + 2}px`;
    }
  }, [text]);
  const onKeyDown = (event: React.KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) {
      return;
    }
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send(event.altKey && running ? 'queue' : 'steer');
    } else if (event.key === 'Escape' && running) {
      event.preventDefault();
      event.stopPropagation();
      props.stop();
    } else if (event.key === 'ArrowUp' && text === '') {
      const last = props.recall();
      if (last) {
        event.preventDefault();
        setText(last);
      }
    }
  };
  return (
    <textarea
      ref={field}
      className="jp-Agent-field"
      rows={2}
      value={text}
      dir="auto"
      aria-label={trans.__('Message to the agent')}
      placeholder={running ? trans.__('Steer it while it works…') : trans.__('Ask the agent…')}
      onChange={event => setText(event.target.value)}
      onKeyDown={onKeyDown}
      onPaste={event => {
        if (hasImages(event.clipboardData.files)) {
          event.preventDefault();
          props.paste(event.clipboardData.files);
        }
      }}
    />
  );
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

function lastPrompt(transcript: Transcript): string {
  for (const entry of [...transcript.entries].reverse()) {
    if (entry.type === 'message' && entry.message.role === 'user') {
      return entry.message.parts.map(part => (part.type === 'text' ? part.text : '')).join('');
    }
  }
  return '';
}
