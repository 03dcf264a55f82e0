// What approvals and questions have in common: they come into focus, politely, and keys answer them.
import * as React from 'react';

/** Attributes of the element that holds a request. */
export interface RequestAttributes {
  readonly ref: React.RefObject<HTMLDivElement>;
  readonly role: 'group';
  readonly tabIndex: -1;
  onKeyDown(event: React.KeyboardEvent): void;
}

/**
 * Attributes of a request. `refuse` is called on Esc, and `keys` on single characters typed while the
 * focus is in the request but in no field. A held-down key answers nothing.
 */
export function useRequest(
  refuse: () => void,
  keys: Readonly<Record<string, () => void>> = {}
): RequestAttributes {
  const ref = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => focusPolitely(ref.current), []);
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.nativeEvent.isComposing || event.repeat) {
      return;
    }
    const writing = event.target instanceof HTMLInputElement;
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    const act = event.key === 'Escape' ? refuse : writing || modified ? undefined : keys[event.key];
    if (act) {
      event.preventDefault();
      event.stopPropagation();
      act();
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
