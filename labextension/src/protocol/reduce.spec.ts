// A card stuck on "running", a doubled or a lost word after a reconnect: what a reader would see
// if this side folded events differently from the server. Same fixtures as
// tests/contract/test_reduce_shared.py.
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { reduceMessage } from './reduce';
import { EMPTY_TRANSCRIPT, TranscriptBuilder } from './transcript';
import type { Message, SessionEvent, Transcript } from './types';

interface Fixture {
  about: string;
  events: SessionEvent[];
  message?: Message;
  start?: Transcript;
  transcript?: Transcript;
}

// Tests run in the folder of package.json.
const folder = resolve('../tests/fixtures/events');
const fixtures = readdirSync(folder).map(name => ({
  name,
  ...(JSON.parse(readFileSync(resolve(folder, name), 'utf-8')) as Fixture)
}));
const ofMessages = fixtures.filter(fixture => fixture.message);
const ofTranscripts = fixtures.filter(fixture => fixture.transcript);

/** As it would be on the wire: what is not there is left out. */
function onTheWire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function fold(events: SessionEvent[], start: Transcript = EMPTY_TRANSCRIPT): TranscriptBuilder {
  const builder = new TranscriptBuilder(start);
  events.forEach(event => builder.apply(event));
  return builder;
}

describe('messages', () => {
  expect(ofMessages.length).toBeGreaterThanOrEqual(10);

  it.each(ofMessages)('$name: $about', ({ events, message }) => {
    expect(onTheWire(reduceMessage(events))).toEqual(message);
  });
});

describe('transcripts', () => {
  expect(ofTranscripts.length).toBeGreaterThanOrEqual(10);

  it.each(ofTranscripts)('$name: $about', ({ events, start, transcript }) => {
    expect(onTheWire(fold(events, start).snapshot())).toEqual(transcript);
  });

  it.each(ofTranscripts)('$name: looking changes nothing', ({ events, start, transcript }) => {
    const builder = new TranscriptBuilder(start);
    for (const event of events) {
      builder.apply(event);
      builder.snapshot();
    }
    expect(onTheWire(builder.snapshot())).toEqual(transcript);
  });

  it.each(ofTranscripts)('$name: joining at any moment', ({ events, start, transcript }) => {
    for (let at = 0; at < events.length; at++) {
      const snapshot = onTheWire(fold(events.slice(0, at), start).snapshot()) as Transcript;
      expect(onTheWire(fold(events.slice(at), snapshot).snapshot())).toEqual(transcript);
    }
  });
});

describe('identity, by which the panel knows what to draw again', () => {
  const streaming = ofTranscripts.find(({ name }) => name === 'transcript-tools.json') as Fixture;

  it('stays the same when nothing happened', () => {
    const builder = fold(streaming.events);
    expect(builder.snapshot()).toBe(builder.snapshot());
  });

  it('keeps finished entries while another grows', () => {
    const builder = fold(streaming.events.slice(0, 4));
    const before = builder.snapshot();
    builder.apply({ type: 'text_delta', message_id: 'msg_1', text: 'x' });
    const after = builder.snapshot();
    expect(after.entries[0]).toBe(before.entries[0]);
    expect(after.entries[1]).not.toBe(before.entries[1]);
    expect(after.tools).toBe(before.tools);
  });

  it('keeps a snapshot as it was when more arrives', () => {
    const builder = fold(streaming.events.slice(0, 5));
    const before = builder.snapshot();
    const frozen = JSON.stringify(before);
    streaming.events.slice(5).forEach(event => builder.apply(event));
    builder.snapshot();
    expect(JSON.stringify(before)).toBe(frozen);
  });
});
