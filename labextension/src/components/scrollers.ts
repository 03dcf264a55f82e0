// Wide tables and formulas of an answer scroll sideways by themselves; their edges show that there is
// more, and the keyboard reaches what does.

/** Attributes of what scrolls: which of its sides have more. */
const MORE = 'data-more';

/** Wrap the tables of a rendered answer, and watch them and its formulas. */
export function markScrollers(host: Element, label: string): void {
  for (const table of host.querySelectorAll('table')) {
    const box = document.createElement('div');
    box.className = 'jp-Agent-scroller';
    table.replaceWith(box);
    box.append(table);
    watchScroller(box, label);
  }
  for (const formula of host.querySelectorAll<HTMLElement>('mjx-container[display]')) {
    formula.classList.add('jp-Agent-scroller');
    watchScroller(formula, label);
  }
}

/** Note which sides of a box have more, as it scrolls and as its size changes. */
export function watchScroller(box: HTMLElement, label: string): void {
  const look = (): void => {
    const before = Math.abs(box.scrollLeft) > 1;
    const after = box.scrollWidth - box.clientWidth - Math.abs(box.scrollLeft) > 1;
    const more = [before ? 'before' : '', after ? 'after' : ''].filter(Boolean).join(' ');
    if (more === (box.getAttribute(MORE) ?? '')) {
      return;
    }
    if (more) {
      box.setAttribute(MORE, more);
    } else {
      box.removeAttribute(MORE);
    }
    if (box.tagName === 'DIV' && (before || after)) {
      box.tabIndex = 0;
      box.setAttribute('role', 'region');
      box.setAttribute('aria-label', label);
    }
  };
  box.addEventListener('scroll', look, { passive: true });
  sizes.observe(box);
  looks.set(box, look);
}

/** By the box; an observer holds none of those that are gone. */
const looks = new WeakMap<Element, () => void>();
const sizes = new ResizeObserver(entries => entries.forEach(({ target }) => looks.get(target)?.()));
