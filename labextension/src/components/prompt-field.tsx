// The text field of the composer: keys, the list at the cursor, mentions that go as a whole.
import * as React from 'react';

import type { Draft } from '../model/draft';
import { mentionBefore, withoutMention } from '../model/mentions';
import type { Offer } from '../model/offers';
import { tokenAt } from '../model/offers';
import type { PromptContent } from '../model/prompt-content';
import type { Delivery } from '../model/session';
import { Completions } from './completions';
import { pastesImages } from './images';
import { FOCUS_HOME } from './kept-focus';
import { useServices } from './services';
import { useSignal } from './signals';
import type { Offered } from './use-offers';
import { useOffers } from './use-offers';

export interface FieldProps {
  readonly draft: Draft;
  readonly running: boolean;
  send(delivery: Delivery): void;
  stop(): void;
  paste(files: Iterable<File>): void;
  /** The last prompt. */
  recall(): PromptContent | null;
}

export function PromptField(props: FieldProps): JSX.Element {
  const { draft, running } = props;
  const { trans } = useServices();
  const field = React.useRef<HTMLTextAreaElement>(null);
  const id = React.useId();
  useSignal(draft.changed);
  const popup = usePopup(props, field);
  const { shown, marked, look } = popup;
  const { text } = draft;
  React.useLayoutEffect(() => {
    const node = field.current;
    if (!node) {
      return;
    }
    fitHeight(node);
    const caret = draft.takeCaret();
    if (caret !== null) {
      node.setSelectionRange(caret, caret);
      if (document.activeElement === node) {
        look();
      }
    }
    // `look` is made anew each time and does the same.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text, draft]);
  useFittedHeight(field);
  const option = shown && shown.offers.length > 0 ? `${id}-${marked}` : undefined;
  return (
    <>
      {shown && (
        <Completions
          id={id}
          offers={shown.offers}
          marked={marked}
          remark={shown.remark}
          choose={offer => popup.choose(offer, 'Enter')}
        />
      )}
      <textarea
        ref={field}
        {...FOCUS_HOME}
        className="jp-Agent-field"
        rows={1}
        value={text}
        dir="auto"
        // A combobox only while there is a list: otherwise it is a text like any other.
        {...(option && {
          role: 'combobox',
          'aria-expanded': true,
          'aria-controls': id,
          'aria-activedescendant': option
        })}
        aria-autocomplete="list"
        aria-label={trans.__('Message to the agent')}
        placeholder={
          running
            ? trans.__('Steer it while it works…')
            : trans.__('Ask the agent… @ to mention, / for commands')
        }
        onChange={event => {
          draft.write(event.target.value);
          look();
        }}
        onSelect={look}
        onBlur={popup.close}
        onKeyDown={popup.onKeyDown}
        onPaste={event => {
          if (pastesImages(event.clipboardData)) {
            event.preventDefault();
            props.paste(event.clipboardData.files);
          }
        }}
      />
    </>
  );
}

/** As high as its text; the style sheet sets the limit. */
function fitHeight(node: HTMLTextAreaElement): void {
  node.style.height = 'auto';
  node.style.height = `${node.scrollHeight + 2}px`;
}

/** Measure again when the width changes: in a panel that is not shown, nothing has a height. */
function useFittedHeight(field: React.RefObject<HTMLTextAreaElement>): void {
  React.useEffect(() => {
    const node = field.current;
    if (!node) {
      return undefined;
    }
    let width = node.offsetWidth;
    const observer = new ResizeObserver(() => {
      if (node.offsetWidth !== width) {
        width = node.offsetWidth;
        fitHeight(node);
      }
    });
    observer.observe(node);
    return () => observer.disconnect();
  }, [field]);
}

interface Popup {
  readonly shown: Offered | null;
  readonly marked: number;
  look(): void;
  close(): void;
  choose(offer: Offer, key: 'Enter' | 'Tab'): void;
  onKeyDown(event: React.KeyboardEvent<HTMLTextAreaElement>): void;
}

function usePopup(props: FieldProps, field: React.RefObject<HTMLTextAreaElement>): Popup {
  const { draft } = props;
  const [caret, setCaret] = React.useState<number | null>(null);
  const [dismissed, setDismissed] = React.useState<string | null>(null);
  const [mark, setMark] = React.useState<string | null>(null);
  const offered = useOffers(draft, caret);
  const { token, offers } = offered;
  const place = token && `${token.kind} ${token.start}`;
  const open = place !== null && place !== dismissed && (offers.length > 0 || offered.remark);
  const shown = open ? offered : null;
  const marked = Math.max(
    0,
    offers.findIndex(one => one.key === mark)
  );

  const look = (): void => {
    const node = field.current;
    const at = node && node.selectionStart === node.selectionEnd ? node.selectionStart : null;
    setCaret(at);
    // A list that was dismissed comes back when the cursor comes back.
    if (at === null || tokenAt(draft.text, at) === null) {
      setDismissed(null);
      setMark(null);
    }
  };

  const choose = (offer: Offer, key: 'Enter' | 'Tab'): void => {
    const start = token?.start ?? 0;
    const end = field.current?.selectionStart ?? draft.text.length;
    setMark(null);
    if (offer.mention) {
      draft.mention(offer.mention, start, end);
    } else if (offer.text?.startsWith('/')) {
      const text = offer.runs && key === 'Tab' ? `${offer.text} ` : offer.text;
      draft.write(text, [], text.length);
      if (offer.runs && key === 'Enter') {
        props.send('steer');
      }
    } else {
      const text = draft.text.slice(0, start) + (offer.text ?? '');
      draft.write(text + draft.text.slice(end), [], text.length);
    }
    field.current?.focus();
  };
  const onKeyDown = (event: React.KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) {
      return;
    }
    if (!shown || !onPopupKey(event)) {
      onFieldKey(event, props);
    }
  };
  const onPopupKey = (event: React.KeyboardEvent): boolean => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const current = offers[marked];
    if (event.key === 'Escape') {
      event.stopPropagation();
      setDismissed(place);
    } else if (step && offers.length > 0) {
      setMark(offers[(marked + step + offers.length) % offers.length]?.key ?? null);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && isPlain(event) && current) {
      choose(current, event.key);
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  };
  return { shown, marked, look, close: () => setCaret(null), choose, onKeyDown };
}

function isPlain(event: React.KeyboardEvent): boolean {
  return !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey;
}

/** Keys of the text itself. */
function onFieldKey(event: React.KeyboardEvent<HTMLTextAreaElement>, props: FieldProps): void {
  const { draft, running } = props;
  const { selectionStart, selectionEnd } = event.currentTarget;
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    props.send(event.altKey && running ? 'queue' : 'steer');
  } else if (event.key === 'Escape' && running) {
    event.preventDefault();
    event.stopPropagation();
    props.stop();
  } else if (event.key === 'ArrowUp' && draft.text === '' && draft.isEmpty) {
    const last = props.recall();
    if (last) {
      event.preventDefault();
      draft.offer(last);
    }
  } else if (event.key === 'Backspace' && selectionStart === selectionEnd && isPlain(event)) {
    const mention = mentionBefore(draft.text, selectionStart, draft.mentions);
    if (mention) {
      event.preventDefault();
      const at = selectionStart - mention.label.length;
      const rest = withoutMention(draft.text.slice(at), mention);
      draft.write(draft.text.slice(0, at) + rest, [], at);
    }
  }
}
