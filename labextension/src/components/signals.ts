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
  /** Whether the transcript came from the server. */
  readonly loaded: boolean;
  readonly transcript: Transcript;
  readonly sent: readonly SentPrompt[];
}

const NOTHING: SessionView = { loaded: false, transcript: EMPTY_TRANSCRIPT, sent: [] };

/** The session as it is now, at most once a frame, however fast it grows. */
export function useSession(session: SessionModel | null): SessionView {
  const [shown, setShown] = React.useState(() => ({ session, view: viewOf(session) }));
  React.useEffect(() => {
    let frame = 0;
    const show = (): void => {
      frame = 0;
      setShown({ session, view: viewOf(session) });
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
  // Until the effect has run, what is kept is of the session before.
  return shown.session === session ? shown.view : viewOf(session);
}

function viewOf(session: SessionModel | null): SessionView {
  if (session === null) {
    return NOTHING;
  }
  const { loaded, transcript, sent } = session;
  return { loaded, transcript, sent };
}
