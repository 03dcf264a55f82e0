// The conversation, following its end while the reader is there.
import * as React from 'react';

import type { SentPrompt, SessionModel } from '../model/session';
import type { Entry, Transcript } from '../protocol/types';
import { Approval } from './approval';
import { MessageView } from './message';
import { Question } from './question';
import { Notice, RunEnd } from './run-end';
import { SentPromptView } from './sent-prompt';
import { useServices } from './services';

// Pixels from the end within which the reader counts as being there.
const NEAR = 48;
// Entries from which on those out of sight are not drawn, and the milliseconds of rest before that:
// their sizes have to be known, or the view would jump.
const LONG = 60;
const REST = 400;

export function TranscriptView(props: {
  session: SessionModel;
  transcript: Transcript;
  sent: readonly SentPrompt[];
  showProviders: () => void;
}): JSX.Element {
  const { session, transcript, sent, showProviders } = props;
  const { trans } = useServices();
  const { scroller, content, atEnd, toEnd } = useFollowing(sent.length);
  const strays = strayRequests(transcript);
  const isLong = useRest(content, transcript.entries.length > LONG);
  return (
    <div className="jp-Agent-transcriptBox">
      <div
        ref={scroller}
        className="jp-Agent-transcript"
        role="log"
        aria-live="off"
        aria-label={trans.__('Conversation')}
        tabIndex={0}
      >
        <div ref={content} className={`jp-Agent-entries ${isLong ? 'jp-mod-long' : ''}`}>
          {transcript.entries.map((entry, at) => (
            <EntryView
              key={keyOf(entry, at)}
              entry={entry}
              session={session}
              transcript={transcript}
              last={at === transcript.entries.length - 1}
              showProviders={showProviders}
            />
          ))}
          {strays.approvals.map(one => (
            <Approval key={one.approval_id} session={session} approval={one} />
          ))}
          {strays.questions.map(one => (
            <Question key={one.question_id} session={session} question={one} />
          ))}
          {sent.map(prompt => (
            <SentPromptView key={prompt.opId} prompt={prompt} />
          ))}
          {transcript.running && <Working transcript={transcript} />}
        </div>
      </div>
      <ToEnd atEnd={atEnd} toEnd={toEnd} />
    </div>
  );
}

/** The way to the end. It stays while it has the focus, which would be thrown elsewhere with it. */
function ToEnd({ atEnd, toEnd }: { atEnd: boolean; toEnd: () => void }): JSX.Element | null {
  const { trans } = useServices();
  const [focused, setFocused] = React.useState(false);
  if (atEnd && !focused) {
    return null;
  }
  return (
    <button
      type="button"
      className="jp-Agent-button jp-Agent-toEnd"
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
      onClick={() => {
        setFocused(false);
        toEnd();
      }}
    >
      {trans.__('Latest')} ↓
    </button>
  );
}

function EntryView(props: {
  entry: Entry;
  session: SessionModel;
  transcript: Transcript;
  last: boolean;
  showProviders: () => void;
}): JSX.Element {
  const { entry, session, transcript, last, showProviders } = props;
  switch (entry.type) {
    case 'message':
      return <MessageView entry={entry} transcript={transcript} session={session} />;
    case 'run':
      return (
        <RunEnd
          entry={entry}
          session={session}
          last={last && !transcript.running}
          showProviders={showProviders}
        />
      );
    case 'notice':
      return (
        <Notice
          entry={entry}
          session={session}
          live={last && transcript.running}
          last={last && !transcript.running}
        />
      );
  }
}

function keyOf(entry: Entry, at: number): string {
  return entry.type === 'message' ? entry.message.id : `${entry.type}-${at}`;
}

/** Requests whose call is in no message (it was compacted away, or came from elsewhere). */
function strayRequests(transcript: Transcript): Pick<Transcript, 'approvals' | 'questions'> {
  const { approvals, questions } = transcript;
  if (approvals.length === 0 && questions.length === 0) {
    return { approvals, questions };
  }
  const shown = new Set(
    transcript.entries.flatMap(entry =>
      entry.type === 'message'
        ? entry.message.parts.flatMap(part => (part.type === 'tool_call' ? [part.id] : []))
        : []
    )
  );
  return {
    approvals: approvals.filter(one => !shown.has(one.call_id)),
    questions: questions.filter(one => !shown.has(one.call_id))
  };
}

/** That it works, and for how long. */
function Working({ transcript }: { transcript: Transcript }): JSX.Element {
  const { trans } = useServices();
  const started = transcript.run_started_at ? Date.parse(transcript.run_started_at) : null;
  const [now, setNow] = React.useState(() => Date.now());
  React.useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const waiting = transcript.approvals.length + transcript.questions.length > 0;
  const seconds = started === null ? 0 : Math.max(0, Math.round((now - started) / 1000));
  return (
    <div className="jp-Agent-working" aria-hidden="true">
      {!waiting && <span className="jp-Agent-pulse" />}
      {waiting ? trans.__('Waiting for you') : trans.__('Working · %1 s', seconds)}
    </div>
  );
}

/** Whether something is wanted, and the content has once kept its size for a while since. */
function useRest(content: React.RefObject<HTMLElement>, wanted: boolean): boolean {
  const [rested, setRested] = React.useState(false);
  React.useEffect(() => {
    const box = content.current;
    if (!wanted || rested || !box) {
      return undefined;
    }
    let timer = 0;
    const observer = new ResizeObserver(() => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setRested(true), REST);
    });
    observer.observe(box);
    return () => {
      window.clearTimeout(timer);
      observer.disconnect();
    };
  }, [content, wanted, rested]);
  return rested;
}

/** Keep the end in view as long as the reader is there; `sent` prompts bring them back. */
function useFollowing(sent: number): {
  scroller: React.RefObject<HTMLDivElement>;
  content: React.RefObject<HTMLDivElement>;
  atEnd: boolean;
  toEnd: () => void;
} {
  const scroller = React.useRef<HTMLDivElement>(null);
  const content = React.useRef<HTMLDivElement>(null);
  const following = React.useRef(true);
  const [atEnd, setAtEnd] = React.useState(true);
  const toEnd = React.useCallback((): void => {
    following.current = true;
    setAtEnd(true);
    showEnd(scroller.current);
  }, []);
  React.useEffect(() => {
    const box = scroller.current;
    if (!box || !content.current) {
      return;
    }
    let top = box.scrollTop;
    let height = box.scrollHeight;
    const note = (): void => {
      top = box.scrollTop;
      height = box.scrollHeight;
    };
    const onScroll = (): void => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      // Only going up is leaving: content that grows scrolls nowhere by itself, and where it got
      // shorter (an answered approval goes), it was the browser that went up.
      const left = box.scrollTop < top && box.scrollHeight >= height;
      following.current = near || (following.current && !left);
      note();
      setAtEnd(following.current);
    };
    const observer = new ResizeObserver(() => {
      if (following.current) {
        showEnd(box);
        note();
      }
    });
    observer.observe(content.current);
    observer.observe(box);
    box.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener('scroll', onScroll);
    };
  }, []);
  React.useEffect(() => {
    if (sent > 0) {
      following.current = true;
      showEnd(scroller.current);
    }
  }, [sent]);
  return { scroller, content, atEnd, toEnd };
}

function showEnd(box: HTMLElement | null): void {
  if (box) {
    box.scrollTop = box.scrollHeight;
  }
}
