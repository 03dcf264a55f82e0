// One message: a person's words as they wrote them; a model's as text, thinking and tool calls.
import { caretDownIcon, caretRightIcon, refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { SessionModel } from '../model/session';
import type { MessageEntry, Part, ToolState, Transcript } from '../protocol/types';
import { Approval } from './approval';
import { CopyButton, IconButton } from './code-block';
import { EditPrompt, tryAgain } from './edit-prompt';
import { branchIcon } from './icons';
import { Markdown } from './markdown';
import { MentionedList } from './mention-chips';
import { Question } from './question';
import { Restore } from './restore';
import { useServices } from './services';
import { ToolCardView, ToolImage } from './tool-card';

interface MessageProps {
  readonly entry: MessageEntry;
  readonly transcript: Pick<Transcript, 'tools' | 'approvals' | 'questions'>;
  readonly session: SessionModel;
}

/** Draws again only when this message, or one of its calls, has changed. */
export const MessageView = React.memo(function MessageView(props: MessageProps): JSX.Element {
  const { entry } = props;
  const { trans } = useServices();
  const { role } = entry.message;
  const name = role === 'user' ? trans.__('You') : trans.__('Agent');
  return (
    <article className="jp-Agent-message" data-role={role} aria-label={name}>
      {role === 'user' ? <UserMessage {...props} /> : <AssistantParts {...props} />}
    </article>
  );
}, isSameMessage);

function isSameMessage(before: MessageProps, after: MessageProps): boolean {
  if (before.entry !== after.entry || before.session !== after.session) {
    return false;
  }
  const [was, is] = [before.transcript, after.transcript];
  const calls = new Set(
    after.entry.message.parts.flatMap(part => (part.type === 'tool_call' ? [part.id] : []))
  );
  const requests = (from: MessageProps['transcript']): object[] =>
    [...from.approvals, ...from.questions].filter(one => calls.has(one.call_id));
  const [asked, asks] = [requests(was), requests(is)];
  return (
    [...calls].every(id => was.tools[id] === is.tools[id]) &&
    asked.length === asks.length &&
    asked.every((one, at) => one === asks[at])
  );
}

/** The prompt, with what can be done about it beside it. */
function UserMessage({ entry, session }: MessageProps): JSX.Element {
  return (
    <Restore session={session} message={entry.message}>
      {toggle => (
        <div className="jp-Agent-userRow">
          <span className="jp-Agent-promptActions">
            {toggle}
            <EditPrompt session={session} message={entry.message} />
          </span>
          <div className="jp-Agent-userParts">
            <UserParts entry={entry} />
          </div>
        </div>
      )}
    </Restore>
  );
}

function UserParts({ entry }: { entry: MessageEntry }): JSX.Element {
  const mentions = entry.message.parts.flatMap(part => (part.type === 'mention' ? [part] : []));
  return (
    <>
      {entry.message.parts.map((part, at) => {
        if (part.type === 'text') {
          return (
            <div key={at} className="jp-Agent-userText" dir="auto">
              {part.text}
            </div>
          );
        }
        return part.type === 'image' ? <ToolImage key={at} image={part} /> : null;
      })}
      <MentionedList mentions={mentions} />
    </>
  );
}

function AssistantParts({ entry, transcript, session }: MessageProps): JSX.Element {
  const { trans, model, complain } = useServices();
  const { message, streaming } = entry;
  const text = message.parts
    .map(part => (part.type === 'text' ? part.text : ''))
    .join('\n\n')
    .trim();
  let thoughts = 0;
  return (
    <>
      {message.parts.map((part, at) => {
        const last = at === message.parts.length - 1;
        const duration =
          part.type === 'thinking' ? entry.thinking_durations[thoughts++] : undefined;
        return (
          <PartView
            key={at}
            part={part}
            growing={streaming && last}
            duration={duration}
            transcript={transcript}
            session={session}
          />
        );
      })}
      {!streaming && text && !message.parts.some(part => part.type === 'tool_call') && (
        <div className="jp-Agent-messageActions">
          <CopyButton text={text} />
          <IconButton
            icon={refreshIcon}
            className="jp-Agent-tryAgain"
            label={trans.__('Try again: ask the same in a new session')}
            onClick={() => void tryAgain(model, session, message, trans).catch(complain)}
          />
          <IconButton
            icon={branchIcon}
            label={trans.__('Branch: go on from here in a new session')}
            onClick={() => void model.fork(message.id).catch(complain)}
          />
        </div>
      )}
    </>
  );
}

function PartView(props: {
  part: Part;
  growing: boolean;
  duration: number | undefined;
  transcript: MessageProps['transcript'];
  session: SessionModel;
}): JSX.Element | null {
  const { part, growing, transcript, session } = props;
  switch (part.type) {
    case 'text':
      return part.text ? <Markdown text={part.text} streaming={growing} /> : null;
    case 'thinking':
      return part.text || growing ? (
        <Thinking text={part.text} growing={growing} duration={props.duration} />
      ) : null;
    case 'image':
      return <ToolImage image={part} />;
    case 'tool_call': {
      const tool = transcript.tools[part.id] ?? waitingTool(part.id, part.name);
      const approval = transcript.approvals.find(one => one.call_id === part.id);
      const question = transcript.questions.find(one => one.call_id === part.id);
      return (
        <>
          <ToolCardView call={part} tool={tool} />
          {approval && (
            <Approval key={approval.approval_id} session={session} approval={approval} />
          )}
          {question && (
            <Question key={question.question_id} session={session} question={question} />
          )}
        </>
      );
    }
    default:
      return null;
  }
}

function waitingTool(callId: string, name: string): ToolState {
  const nothing = { title: '', summary: '', text: '', cells: [], preview: [] };
  return { call_id: callId, tool_name: name, status: 'waiting', ...nothing };
}

/** The model's reasoning, folded. */
function Thinking(props: {
  text: string;
  growing: boolean;
  duration: number | undefined;
}): JSX.Element {
  const { text, growing, duration } = props;
  const { trans } = useServices();
  const [open, setOpen] = React.useState(false);
  const id = React.useId();
  const Caret = open ? caretDownIcon : caretRightIcon;
  const seconds = Math.max(1, Math.round(duration ?? 0));
  const done = duration
    ? trans._n('Thought for %1 second', 'Thought for %1 seconds', seconds)
    : trans.__('Thought');
  return (
    <div className="jp-Agent-thinking">
      <button
        type="button"
        className="jp-Agent-thinkingHead"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <Caret.react tag="span" elementSize="normal" />
        {growing ? trans.__('Thinking…') : done}
      </button>
      <div id={id} hidden={!open} className="jp-Agent-thinkingText">
        {open && text}
      </div>
    </div>
  );
}
