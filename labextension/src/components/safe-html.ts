// What of a model's HTML reaches the page: text and its structure. No image, no frame, no style, no
// script, no form, no command link; links only to http, https and mailto, with their host shown.
// Runs on the output of Lab's sanitizer, in an inert document that loads nothing.

const KEPT = new Set(
  (
    'a abbr b blockquote br caption cite code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i ins ' +
    'kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead ' +
    'tr u ul var'
  ).split(' ')
);
// Dropped with all they hold; any other unknown element is replaced by what it holds.
const DROPPED = new Set(
  (
    'applet area audio base button canvas embed form frame frameset head iframe input link map math ' +
    'meta noembed noframes noscript object option param picture portal script select source style ' +
    'svg template textarea title track video'
  ).split(' ')
);
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  code: ['class'],
  ol: ['start'],
  span: ['class'],
  td: ['align', 'colspan', 'rowspan'],
  th: ['align', 'colspan', 'rowspan']
};
// A page that is opened learns nothing of where it was linked from.
const REL = 'noopener noreferrer nofollow';
// Languages of code blocks, and CodeMirror's highlighting.
const CLASS = /^(language-[\w+#.-]+|ͼ\w+|cm-[\w-]+|tok-[\w-]+)$/u;

/** Return `html` with everything unsafe gone. */
export function safeHtml(html: string): string {
  const inert = new DOMParser().parseFromString(html, 'text/html');
  cleanChildren(inert.body, inert);
  return inert.body.innerHTML;
}

/** Where a link leads if it may be followed, null if not. Relative links lead nowhere safe. */
export function safeUrl(href: string | null): URL | null {
  // Browsers ignore control characters and white space in a scheme; so must this.
  // eslint-disable-next-line no-control-regex
  const bare = (href ?? '').replace(/[\u0000-\u0020\u007f-\u009f]/g, '');
  if (!/^(https?:\/\/|mailto:)/i.test(bare)) {
    return null;
  }
  try {
    return new URL(bare);
  } catch {
    return null;
  }
}

/** The last check, on what typesetting made of it and before it is shown: math can carry styles. */
export function scrub(host: Element): void {
  for (const element of Array.from(host.querySelectorAll('*'))) {
    const isAnchorOfHeading = element.classList.contains('jp-InternalAnchorLink');
    if (DROPPED.has(element.localName) || element.localName === 'img' || isAnchorOfHeading) {
      element.remove();
      continue;
    }
    for (const { name, value } of Array.from(element.attributes)) {
      if (isActive(element, name, value)) {
        element.removeAttribute(name);
      }
    }
    if (element.localName === 'a' && element.hasAttribute('href')) {
      element.setAttribute('rel', REL);
    }
  }
}

function isActive(element: Element, name: string, value: string): boolean {
  if (name.startsWith('on') || name.startsWith('data-command') || name === 'srcset') {
    return true;
  }
  if (name === 'style') {
    return /url|image|@|expression|position\s*:\s*fixed/i.test(value);
  }
  if (name === 'href' || name === 'src' || name === 'xlink:href') {
    return element.localName !== 'a' || safeUrl(value) === null;
  }
  return false;
}

function cleanChildren(parent: Element, inert: Document): void {
  for (const node of Array.from(parent.childNodes)) {
    if (node.nodeType === Node.TEXT_NODE) {
      continue;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) {
      node.remove();
      continue;
    }
    cleanElement(node as Element, inert);
  }
}

function cleanElement(element: Element, inert: Document): void {
  const tag = element.localName;
  const isHtml = element.namespaceURI === 'http://www.w3.org/1999/xhtml';
  if (tag === 'img' && isHtml) {
    element.replaceWith(imageAsLink(element, inert));
  } else if (isTask(element)) {
    element.replaceWith(inert.createTextNode(element.hasAttribute('checked') ? '☑ ' : '☐ '));
  } else if (!isHtml || DROPPED.has(tag)) {
    element.remove();
  } else {
    cleanChildren(element, inert);
    if (KEPT.has(tag)) {
      cleanAttributes(element);
      if (tag === 'a') {
        cleanLink(element, inert);
      }
    } else {
      element.replaceWith(...Array.from(element.childNodes));
    }
  }
}

function isTask(element: Element): boolean {
  return element.localName === 'input' && element.getAttribute('type') === 'checkbox';
}

function cleanAttributes(element: Element): void {
  const allowed = ATTRIBUTES[element.localName] ?? [];
  for (const { name, value } of Array.from(element.attributes)) {
    if (!allowed.includes(name)) {
      element.removeAttribute(name);
    } else if (name === 'class') {
      const kept = value.split(/\s+/).filter(one => CLASS.test(one));
      element.setAttribute('class', kept.join(' '));
    }
  }
}

function cleanLink(link: Element, inert: Document): void {
  const url = safeUrl(link.getAttribute('href'));
  if (url === null) {
    link.replaceWith(...Array.from(link.childNodes));
    return;
  }
  setTarget(link, url);
  const host = placeOf(url);
  if (!showsHost(link.textContent ?? '', host)) {
    link.append(hostLabel(host, inert));
  }
}

/** Whether the words of a link say where it leads, and do not name another place first. */
function showsHost(text: string, host: string): boolean {
  const shown = text.trim().toLowerCase();
  return (
    shown === host ||
    [`https://${host}`, `http://${host}`].some(
      start => shown === start || shown.startsWith(`${start}/`)
    )
  );
}

function imageAsLink(image: Element, inert: Document): Node {
  const words = image.getAttribute('alt')?.trim() || 'image';
  const url = safeUrl(image.getAttribute('src'));
  if (url === null) {
    return inert.createTextNode(`[${words}]`);
  }
  const link = inert.createElement('a');
  setTarget(link, url);
  link.append(`[${words}]`, hostLabel(placeOf(url), inert));
  return link;
}

function setTarget(link: Element, url: URL): void {
  link.setAttribute('href', url.href);
  link.setAttribute('rel', REL);
  link.setAttribute('target', '_blank');
}

function placeOf(url: URL): string {
  return url.protocol === 'mailto:' ? url.pathname : url.host;
}

function hostLabel(host: string, inert: Document): Node {
  const label = inert.createElement('span');
  label.className = 'jp-Agent-linkHost';
  label.textContent = ` (${host})`;
  return label;
}
