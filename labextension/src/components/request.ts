// What approvals and questions have in common: they come into focus, politely, and Esc stops the run
// there as it does in the composer.
import * as React from 'react';

import type { SessionModel } from '../model/session';
import { useServices } from './services';

/** Attributes of the element that holds a request. */
export interface RequestAttributes {
  readonly ref: React.RefObject<HTMLDivElement>;
  readonly role: 'group';
  readonly tabIndex: -1;
  onKeyDown(event: React.KeyboardEvent): void;
}

export function useRequest(session: SessionModel): RequestAttributes {
  const { complain } = useServices();
  const ref = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => focusPolitely(ref.current), []);
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.key === 'Escape' && !event.nativeEvent.isComposing) {
      event.preventDefault();
      event.stopPropagation();
      session.stop().catch(complain);
    }
  };
  return { ref, role: 'group', tabIndex: -1, onKeyDown };
}

/** Move the focus to a new request, unless the person is writing or working elsewhere. */
function focusPolitely(host: HTMLElement | null): void {
  const active = document.activeElement;
  const inPanel = host?.closest('.jp-Agent-panel')?.contains(active) ?? false;
  const writing = active instanceof HTMLTextAreaElement || active instanceof HTMLInputElement;
  if (host && inPanel && !(writing && active.value !== '')) {
    host.focus({ preventScroll: true });
  }
}
