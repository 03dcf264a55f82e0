// The chat's view: draws the blocks that the kernel sends, and sends back what was typed and
// clicked. All text becomes text nodes; no HTML is ever parsed.

const MARKS = {
  waiting: "○",
  approval: "?",
  running: "●",
  ok: "✓",
  error: "✗",
  denied: "⊘",
  interrupted: "■",
  stopped: "■",
};

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function button(label, onClick, className = "") {
  const node = make("button", `ja-Button ${className}`, label);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

// --- Markdown, as much as answers need -------------------------------------------------------

const INLINE = /(`{1,3})(.+?)\1(?!`)|\*\*(.+?)\*\*|\*([^\s*](?:.*?[^\s*])?)\*|\[([^\]]+)\]\(([^()\s]+)\)/;
const LONGEST_LINE = 2000; // longer ones are not searched: the time grows with the square

function appendInline(node, text) {
  text.split("\n").forEach((line, number) => {
    if (number) node.append("\n");
    if (line.length > LONGEST_LINE) node.append(line);
    else appendLine(node, line);
  });
}

function appendLine(node, line) {
  let rest = line;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    node.append(rest.slice(0, found.index));
    node.append(inlineNode(found));
    rest = rest.slice(found.index + found[0].length);
  }
  node.append(rest);
}

function inlineNode([whole, ticks, code, bold, italic, label, address]) {
  if (ticks) return make("code", "", code);
  if (label) return linkNode(whole, label, address);
  const node = make(bold ? "strong" : "em", "");
  appendInline(node, bold ?? italic);
  return node;
}

function linkNode(whole, label, address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return document.createTextNode(whole);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return document.createTextNode(whole);
  const link = make("a", "", label);
  link.href = url.href;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  // Where it leads is always in sight.
  return make("span", "", link, label.includes(url.host) ? "" : ` (${url.host})`);
}

function codeNode(text) {
  const copy = button("Copy", () => navigator.clipboard?.writeText(text), "ja-mod-copy");
  return make("div", "ja-Code", make("pre", "", make("code", "", text)), copy);
}

function markdown(text) {
  const root = make("div", "ja-Markdown");
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; ) at = appendMarkdownBlock(root, lines, at);
  return root;
}

// Appends the block that begins at a line and returns where the next one begins.
function appendMarkdownBlock(root, lines, at) {
  const fence = /^\s*(`{3,}|~{3,})/.exec(lines[at]);
  if (fence) {
    let end = at + 1;
    while (end < lines.length && !lines[end].trim().startsWith(fence[1])) end += 1;
    root.append(codeNode(lines.slice(at + 1, end).join("\n")));
    return end + 1;
  }
  const heading = /^(#{1,6})\s+(.*)$/.exec(lines[at]);
  if (heading) {
    const node = make("p", "ja-Heading");
    appendInline(node, heading[2]);
    root.append(node);
    return at + 1;
  }
  const item = /^\s*([-*+]|\d+[.)])\s+/;
  if (item.test(lines[at])) {
    const ordered = /^\s*\d/.test(lines[at]);
    const list = make(ordered ? "ol" : "ul", "");
    if (ordered) list.start = parseInt(lines[at].trim(), 10);
    for (; at < lines.length && item.test(lines[at]); at += 1) {
      const node = make("li", "");
      appendInline(node, lines[at].replace(item, ""));
      list.append(node);
    }
    root.append(list);
    return at;
  }
  if (!lines[at].trim()) return at + 1;
  const paragraph = [];
  const ends = /^\s*(`{3,}|~{3,}|#{1,6}\s|[-*+]\s|\d+[.)]\s|$)/;
  do paragraph.push(lines[at++]);
  while (at < lines.length && !ends.test(lines[at]));
  const node = make("p", "");
  appendInline(node, paragraph.join("\n"));
  root.append(node);
  return at;
}

// --- blocks ----------------------------------------------------------------------------------

const DRAW = {
  user: (block) => make("div", "ja-User", block.text),
  text: (block) => markdown(block.text),
  thinking: (block) => folded("ja-Thinking", "Thought", make("div", "", block.text)),
  notice: (block) => make("div", `ja-Notice ja-mod-${block.level}`, block.text),
  tool: drawTool,
  approval: drawApproval,
  question: drawQuestion,
};

function folded(className, title, ...children) {
  return make("details", className, make("summary", "", title), ...children);
}

function drawCode(parts) {
  return parts.flatMap((part) => [
    ...(part.label ? [make("div", "ja-Label", part.label)] : []),
    make("pre", "ja-Exact", part.text),
  ]);
}

function drawTool(block) {
  const title = `${MARKS[block.status] ?? "○"} ${block.title}`;
  const result = block.result ? [make("pre", "ja-Result", block.result)] : [];
  const card = folded(`ja-Tool ja-mod-${block.status}`, title, ...drawCode(block.code), ...result);
  const images = block.images.map((source) => {
    const image = make("img", "");
    image.src = source;
    image.alt = `Output of: ${block.title}`;
    return image;
  });
  return make("div", "", card, ...images);
}

function drawApproval(block, send) {
  const reason = make("input", "ja-Input");
  reason.placeholder = "Why not? (optional)";
  reason.setAttribute("aria-label", "Reason for denying");
  const settle = (allow, scope) => () => {
    for (const node of card.querySelectorAll("button, input")) node.disabled = true;
    const { key: id, fingerprint } = block;
    send({ type: "approve", id, fingerprint, allow, scope, reason: reason.value });
  };
  const words = { once: "Allow", session: "Allow this session", notebook: "Allow this notebook" };
  const allow = block.scopes.map((scope) => button(words[scope], settle(true, scope), "ja-mod-go"));
  const deny = button("Deny", settle(false, "once"));
  const card = make(
    "section",
    "ja-Card",
    make("div", "ja-Heading", `${block.title} (${block.permissions})`),
    ...drawCode(block.code),
    make("div", "ja-Row", ...allow, deny, reason),
  );
  card.setAttribute("aria-label", `Allow this? ${block.title}`);
  return card;
}

function drawQuestion(block, send) {
  const input = make("input", "ja-Input");
  input.setAttribute("aria-label", "Your answer");
  const answer = (text) => {
    for (const node of card.querySelectorAll("button, input")) node.disabled = true;
    send({ type: "answer", id: block.key, answer: text });
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) answer(input.value);
  });
  const options = block.options.map((option) => button(option, () => answer(option)));
  const card = make(
    "section",
    "ja-Card",
    make("div", "ja-Heading", block.text),
    make("div", "ja-Row", ...options),
    make("div", "ja-Row", input, button("Answer", () => answer(input.value), "ja-mod-go")),
  );
  return card;
}

// --- the view --------------------------------------------------------------------------------

function render({ model, el }) {
  const nodes = new Map();
  const log = make("div", "ja-Log");
  const status = make("div", "ja-Status");
  const stop = button("Stop", () => send({ type: "stop" }));
  const input = make("textarea", "ja-Input");
  const send = (message) => model.send(message);

  function submit() {
    if (!input.value.trim()) return;
    send({ type: "prompt", text: input.value });
    input.value = "";
    status.textContent = "Sent. The kernel answers as soon as it is free.";
  }

  function update(message) {
    if (message?.type !== "update") return;
    // The kernel answers: what it displays beside this view for others is hidden.
    if (!hiding.isConnected) root.append(hiding);
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    for (const block of message.blocks) {
      const node = DRAW[block.kind](block, send);
      const old = nodes.get(block.key);
      const opened = old?.querySelector("details")?.open ?? old?.open;
      const details = node.matches("details") ? node : node.querySelector("details");
      if (details && opened) details.open = true;
      old?.replaceWith(node);
      nodes.set(block.key, node);
    }
    if (message.order) {
      for (const key of [...nodes.keys()]) if (!message.order.includes(key)) nodes.delete(key);
      log.replaceChildren(...message.order.flatMap((key) => nodes.get(key) ?? []));
    }
    stop.disabled = !message.status.running;
    if (status.textContent !== message.status.text) status.textContent = message.status.text;
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  input.rows = 2;
  input.placeholder = "Ask, or steer while it works… (Enter sends, Shift+Enter breaks the line)";
  input.setAttribute("aria-label", "Message to the agent");
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape") {
      send({ type: "stop" });
    }
  });
  stop.disabled = true;
  log.tabIndex = 0;
  log.setAttribute("role", "region");
  log.setAttribute("aria-label", "Conversation");
  status.setAttribute("role", "status");

  const bar = make("div", "ja-Row", button("Send", submit, "ja-mod-go"), stop, status);
  const root = make("div", "ja-Chat", log, input, bar);
  const hiding = make("style", "", `.${model.get("_record")} { display: none; }`);
  // The notebook's own shortcuts (a, b, dd…) must not act on what is typed here.
  root.dataset.lmSuppressShortcuts = "true";
  root.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(root);

  model.on("msg:custom", update);
  send({ type: "ready" });
  return () => model.off("msg:custom", update);
}

export default { render };
