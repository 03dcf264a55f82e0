// Keeps the panel's buttons clear of notifications, which Lab shows in the corner where the panel's
// composer is: the panel ends above them as long as they are there.
import type { Widget } from '@lumino/widgets';

const TOASTS = '.Toastify__toast-container';
// Where Lab has its notifications drawn; it is added to the page with the first one.
const HOST = '#react-toastify-container, .Toastify';
// Pixels between the panel's end and a notification.
const GAP = 8;
// The share of the panel that is never given up, however many notifications there are.
const LEAST_SHARE = 0.4;

/** Pad the panel's bottom by as much as notifications cover, until it is disposed. */
export function makeRoomForToasts(panel: Widget): void {
  const sizes = new ResizeObserver(() => measure());
  let watched: readonly Element[] = [];
  const measure = (): void => {
    const room = `${coveredHeight(panel.node, watched)}px`;
    if (panel.node.style.paddingBottom !== room) {
      panel.node.style.paddingBottom = room;
    }
  };
  const find = (): void => {
    const found = [...document.querySelectorAll(TOASTS)];
    watched.filter(one => !found.includes(one)).forEach(one => sizes.unobserve(one));
    found.filter(one => !watched.includes(one)).forEach(one => sizes.observe(one));
    watched = found;
    measure();
  };
  const inside = new MutationObserver(find);
  const page = new MutationObserver(() => {
    document.querySelectorAll(HOST).forEach(host => {
      inside.observe(host, { childList: true, subtree: true });
    });
    find();
  });
  sizes.observe(panel.node);
  page.observe(document.body, { childList: true });
  window.addEventListener('resize', measure);
  panel.disposed.connect(() => {
    sizes.disconnect();
    inside.disconnect();
    page.disconnect();
    window.removeEventListener('resize', measure);
  });
}

/** How many pixels of an element's lower part lie behind notifications. */
function coveredHeight(node: Element, toasts: readonly Element[]): number {
  const panel = node.getBoundingClientRect();
  let top = panel.bottom;
  for (const container of toasts) {
    const rect = container.getBoundingClientRect();
    const beside = rect.right <= panel.left || rect.left >= panel.right;
    // Of the containers, those at the top of the page cover no button that has another place.
    const above = rect.bottom < panel.bottom - panel.height / 2;
    if (container.childElementCount > 0 && !beside && !above) {
      top = Math.min(top, rect.top - GAP);
    }
  }
  const most = panel.height * (1 - LEAST_SHARE);
  return Math.round(Math.max(0, Math.min(panel.bottom - top, most)));
}
