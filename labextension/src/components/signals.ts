// Signals as React state.
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { SessionModel } from '../model/session';
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

/** The session's transcript, at most once a frame, however fast it grows. */
export function useTranscript(session: SessionModel | null): Transcript {
  const [transcript, setTranscript] = React.useState(session?.transcript ?? EMPTY_TRANSCRIPT);
  React.useEffect(() => {
    let frame = 0;
    const show = (): void => {
      frame = 0;
      setTranscript(session?.transcript ?? EMPTY_TRANSCRIPT);
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
  return transcript;
}
