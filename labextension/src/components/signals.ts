// Signals as React state.
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { SentPrompt, SessionModel } from '../model/session';
import { EMPTY_TRANSCRIPT } from '../protocol/transcript';
import type { Transcript } from '../protocol/types';

/** Render again whenever a signal is emitted. */
export function useSignal(signal: ISignal<unknown, unknown>): void {
  const [, count] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    const onEmit = (): void => count();
    signal.connect(onEmit);
    return () => {
      signal.disconnect(onEmit);
    };
  }, [signal]);
}

/** What of a session is on the screen. */
export interface SessionView {
  readonly transcript: Transcript;
  readonly sent: readonly SentPrompt[];
}

const NOTHING: SessionView = { transcript: EMPTY_TRANSCRIPT, sent: [] };

/** The session as it is now, at most once a frame, however fast it grows. */
export function useSession(session: SessionModel | null): SessionView {
  const [view, setView] = React.useState(() => viewOf(session));
  React.useEffect(() => {
    let frame = 0;
    const show = (): void => {
      frame = 0;
      setView(viewOf(session));
    };
    const onChange = (): void => {
      frame ||= requestAnimationFrame(show);
    };
    show();
    session?.changed.connect(onChange);
    return () => {
      session?.changed.disconnect(onChange);
      cancelAnimationFrame(frame);
    };
  }, [session]);
  return view;
}

function viewOf(session: SessionModel | null): SessionView {
  return session ? { transcript: session.transcript, sent: session.sent } : NOTHING;
}
