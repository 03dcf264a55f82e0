// Events → message, by the same rules as `jupyter_agent/protocol/reduce.py`; the fixtures in
// `tests/fixtures/events` hold both to the same result. Appending is O(1): strings are only
// joined when the parts are asked for, and a part that did not change keeps its identity.
import type {
  Message,
  MessageMeta,
  Part,
  Role,
  SessionEvent,
  ThinkingPart,
  ToolCallPart
} from './types';

type Metadata = ThinkingPart['provider_metadata'];

/** A part still growing, and the value last made of it. */
interface OpenPart {
  kind: 'text' | 'thinking' | 'tool_call' | 'fixed';
  text: string;
  closed: boolean;
  signature?: string | null;
  redactedData?: string | null;
  metadata?: Metadata;
  call?: ToolCallPart;
  made: Part | null;
}

function makePart(part: OpenPart): Part {
  if (part.kind === 'text') {
    return withoutNull({ type: 'text', text: part.text, provider_metadata: part.metadata });
  }
  if (part.kind === 'thinking') {
    return withoutNull({
      type: 'thinking',
      text: part.text,
      signature: part.signature,
      redacted_data: part.redactedData,
      provider_metadata: part.metadata
    });
  }
  const call = part.call as ToolCallPart;
  return part.closed ? call : { ...call, arguments_raw: part.text };
}

function withoutNull<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry != null)) as T;
}

/** Collects the events of one message. */
export class MessageBuilder {
  constructor(
    private readonly start: Pick<Message, 'id' | 'role' | 'created_at'>,
    parts: readonly Part[] = [],
    private metadata: MessageMeta = {}
  ) {
    parts.forEach(part => this.reopen(part));
  }

  /** Apply one event; events that are not about content are ignored. */
  append(event: SessionEvent): void {
    switch (event.type) {
      case 'text_delta':
        this.appendText(event.text, event.provider_metadata);
        break;
      case 'thinking_delta':
        if (event.text) {
          this.grow(this.continuePart('thinking'), event.text);
        }
        break;
      case 'thinking_end':
        this.endThinking(event.signature, event.redacted_data, event.provider_metadata);
        break;
      case 'tool_call_start':
        this.startCall(event.id, event.index, event.name);
        break;
      case 'tool_call_delta': {
        const part = this.calls.get(event.id);
        if (part) {
          this.grow(part, event.json);
        }
        break;
      }
      case 'tool_call_end': {
        const { message_id: _, type: __, ...call } = event;
        this.endCall(withoutNull({ ...call, type: 'tool_call' as const }));
        break;
      }
      case 'message_end':
        this.metadata = event.metadata;
        break;
      default:
        break;
    }
  }

  /** Return the message so far. */
  build(): Message {
    return { ...this.start, parts: this.parts.map(readPart), metadata: this.metadata };
  }

  private reopen(part: Part): void {
    if (part.type === 'text') {
      const closed = part.provider_metadata != null;
      this.push('text', part.text, { closed, metadata: part.provider_metadata });
    } else if (part.type === 'thinking') {
      this.push('thinking', part.text, {
        closed: Boolean(part.signature || part.redacted_data || part.provider_metadata),
        signature: part.signature,
        redactedData: part.redacted_data,
        metadata: part.provider_metadata
      });
    } else if (part.type === 'tool_call' && part.arguments == null && part.parse_error == null) {
      this.grow(this.startCall(part.id, part.index, part.name), part.arguments_raw);
    } else {
      this.push('fixed', '', { closed: true, made: part });
    }
  }

  private appendText(text: string, metadata: Metadata): void {
    if (!text && metadata == null) {
      return;
    }
    const part = this.continuePart('text');
    this.grow(part, text);
    if (metadata != null) {
      part.metadata = { ...part.metadata, ...metadata };
      part.closed = true;
    }
  }

  private endThinking(
    signature?: string | null,
    redactedData?: string | null,
    metadata?: Metadata
  ): void {
    let last = this.parts.at(-1);
    if (!last || last.kind !== 'thinking' || last.closed) {
      if (!signature && !redactedData && !(metadata && Object.keys(metadata).length)) {
        return;
      }
      last = this.push('thinking', '');
    }
    Object.assign(last, { signature, redactedData, metadata, closed: true, made: null });
  }

  private startCall(id: string, index: number, name: string): OpenPart {
    const call: ToolCallPart = { type: 'tool_call', id, index, name, arguments_raw: '' };
    const part = this.push('tool_call', '', { call });
    this.calls.set(id, part);
    return part;
  }

  private endCall(call: ToolCallPart): void {
    const part = this.calls.get(call.id) ?? this.startCall(call.id, call.index, call.name);
    Object.assign(part, { call, closed: true, made: null });
  }

  private continuePart(kind: 'text' | 'thinking'): OpenPart {
    const last = this.parts.at(-1);
    return last && last.kind === kind && !last.closed ? last : this.push(kind, '');
  }

  private push(kind: OpenPart['kind'], text: string, more: Partial<OpenPart> = {}): OpenPart {
    const part: OpenPart = { kind, text, closed: false, made: null, ...more };
    this.parts.push(part);
    return part;
  }

  private grow(part: OpenPart, text: string): void {
    part.text += text;
    part.made = null;
  }

  private readonly parts: OpenPart[] = [];
  private readonly calls = new Map<string, OpenPart>();
}

function readPart(part: OpenPart): Part {
  part.made ??= makePart(part);
  return part.made;
}

/** Fold the events of one message into it, starting from its `message_start`. */
export function reduceMessage(events: Iterable<SessionEvent>, role: Role = 'assistant'): Message {
  let builder: MessageBuilder | null = null;
  for (const event of events) {
    if (event.type === 'message_start') {
      const { parts, metadata, ...start } = event.message;
      builder = new MessageBuilder(start, parts, metadata);
    } else {
      builder ??= new MessageBuilder({ id: '', role, created_at: '' });
      builder.append(event);
    }
  }
  return (builder ?? new MessageBuilder({ id: '', role, created_at: '' })).build();
}
