// The width that the panel asks for, once in a browser. A width that a person chose stays.
import type { SplitPanel, Widget } from '@lumino/widgets';

// In the browser's own storage, as that the panel has opened: Lab's is a workspace's.
const ASKED = 'jupyter-agent:panel-width';
/** CSS pixels that an answer needs to be read well, and the largest share of the window for them. */
const WIDTH = 400;
const LARGEST = 0.4;
/** What Lab and Notebook give to a side area as long as nobody has moved its edge: 1 of 1 + 2.5 + 1. */
const UNCHOSEN = 1 / 4.5;
const TOLERANCE = 0.01;

/**
 * Widen the panel the first time that it is shown. `restored` settles when the kept layout is in
 * place; `baseUrl` tells servers of one host apart.
 */
export async function askForWidth(
  panel: Widget,
  restored: Promise<unknown>,
  baseUrl: string
): Promise<void> {
  const asked = `${ASKED} ${baseUrl}`;
  if (localStorage.getItem(asked) !== null) {
    return;
  }
  await restored;
  await shown(panel.node);
  localStorage.setItem(asked, 'true');
  widen(panel);
}

/** Move the edge of the panel's area, if it is where Lab put it. */
export function widen(panel: Widget): void {
  const found = areaOf(panel);
  if (found === null) {
    return;
  }
  const { split, at } = found;
  const sizes = split.relativeSizes();
  const share = sizes[at] ?? 0;
  const wanted = Math.min(WIDTH / split.node.clientWidth, LARGEST);
  if (wanted <= share || !isUnchosen(panel, share)) {
    return;
  }
  // The notebook gives what the panel gets; the other side bar keeps its width.
  const main = sizes.indexOf(Math.max(...sizes.filter((_, other) => other !== at)));
  const given = wanted - share;
  split.setRelativeSizes(
    sizes.map((size, one) => (one === at ? wanted : one === main ? size - given : size))
  );
}

/** An area that was never shown has no width of its own: it is as narrow as the panel can be. */
function isUnchosen(panel: Widget, share: number): boolean {
  const narrowest = parseFloat(getComputedStyle(panel.node).minWidth) || 0;
  return (
    Math.abs(share - UNCHOSEN) < TOLERANCE || panel.node.offsetWidth <= Math.ceil(narrowest) + 1
  );
}

/** The panel's place in the row of the side areas and the main one. */
function areaOf(panel: Widget): { split: SplitPanel; at: number } | null {
  let area: Widget = panel;
  for (let parent = panel.parent; parent !== null; parent = parent.parent) {
    if (isSplit(parent) && parent.orientation === 'horizontal') {
      return { split: parent, at: parent.widgets.indexOf(area) };
    }
    area = parent;
  }
  return null;
}

function isSplit(widget: Widget): widget is SplitPanel {
  return 'setRelativeSizes' in widget && 'relativeSizes' in widget;
}

/** Wait until an element has a size, and Lab has given it the last one: it lays out in two steps. */
function shown(node: HTMLElement): Promise<void> {
  return new Promise(resolve => {
    let frames = 0;
    const settle = (): void => {
      frames += 1;
      if (frames > 2) {
        resolve();
      } else {
        requestAnimationFrame(settle);
      }
    };
    const sizes = new ResizeObserver(() => {
      if (node.offsetWidth > 0) {
        sizes.disconnect();
        settle();
      }
    });
    sizes.observe(node);
  });
}
