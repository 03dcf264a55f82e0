// The focus never falls out of the panel together with what had it: an approval that was answered,
// a button that is gone, a list that closed. It goes on to where one would look next.
import * as React from 'react';

/** Marks, within a region of the panel, what takes the focus when something else there is gone. */
export const FOCUS_HOME = { 'data-focus-home': true } as const;

// Where it goes when the whole region is gone, the first there is: what waits for the person, then
// where one writes.
const LANDINGS = ['.jp-Agent-approval, .jp-Agent-question', '.jp-Agent-field', '[data-focus-home]'];

/** Keep the focus in an element as long as the person does not take it elsewhere. */
export function useKeptFocus(root: React.RefObject<HTMLElement>): void {
  React.useEffect(() => {
    const keeper = root.current && new FocusKeeper(root.current);
    return () => keeper?.dispose();
  }, [root]);
}

class FocusKeeper {
  constructor(private readonly root: HTMLElement) {
    root.addEventListener('focusin', this.onFocus);
    root.addEventListener('focusout', this.onBlur);
    this.observer.observe(root, {
      attributeFilter: ['disabled'],
      childList: true,
      subtree: true
    });
  }

  dispose(): void {
    this.observer.disconnect();
    this.root.removeEventListener('focusin', this.onFocus);
    this.root.removeEventListener('focusout', this.onBlur);
  }

  private readonly onFocus = ({ target }: FocusEvent): void => {
    const focused = target as HTMLElement;
    this.last = focused;
    this.wasDisabled = false;
    this.regions = [];
    for (let at = focused.parentElement; at && at !== this.root; at = at.parentElement) {
      this.regions.push(at);
    }
  };

  private readonly onBlur = ({ target }: FocusEvent): void => {
    // Some browsers tell of it while the element is being removed: look once that is over.
    queueMicrotask(() => {
      const { last } = this;
      if (last !== null && last === target && last.isConnected && !isDisabled(last)) {
        // The person has left it.
        this.last = null;
      }
    });
  };

  private check(): void {
    const { last } = this;
    if (last === null || document.activeElement !== document.body) {
      // A disabled button may still count as focused: it loses that when it is drawn.
      this.wasDisabled ||= last !== null && isDisabled(last);
      return;
    }
    if (!last.isConnected) {
      this.last = null;
      this.landing()?.focus({ preventScroll: true });
    } else if (isDisabled(last)) {
      this.wasDisabled = true;
    } else if (this.wasDisabled) {
      last.focus({ preventScroll: true });
    }
  }

  private landing(): HTMLElement | null {
    const left = this.regions.filter(region => this.root.contains(region));
    const homes = left.map(region => region.querySelector<HTMLElement>('[data-focus-home]'));
    const landings = LANDINGS.map(one => this.root.querySelector<HTMLElement>(one));
    return [...homes, ...landings].find(one => one !== null) ?? null;
  }

  private readonly observer = new MutationObserver(() => this.check());
  /** What has the focus, or had it when it was removed or disabled. */
  private last: HTMLElement | null = null;
  private wasDisabled = false;
  /** What it was in, the innermost first. */
  private regions: Element[] = [];
}

function isDisabled(element: HTMLElement): boolean {
  return element.matches(':disabled');
}
