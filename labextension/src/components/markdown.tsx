// A model's Markdown, while it grows: finished blocks are rendered once, the last one again and
// again, never taking more than a quarter of the time.
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { renderMarkdown } from '@jupyterlab/rendermime';
import * as React from 'react';

import { CodeBlock } from './code-block';
import { disarmFormulas } from './formulas';
import { GrowingTable, readTable } from './growing-table';
import type { Block } from './markdown-blocks';
import { BlockSplitter } from './markdown-blocks';
import { safeHtml, scrub } from './safe-html';
import { markScrollers } from './scrollers';
import { useServices } from './services';

// Blocks that React compares as one, so that a long answer costs no more per word than a short one.
const GROUP = 32;

export const Markdown = React.memo(function Markdown(props: {
  text: string;
  streaming: boolean;
}): JSX.Element {
  const [splitter] = React.useState(() => new BlockSplitter());
  const blocks = splitter.update(props.text, !props.streaming);
  const groups = Array.from({ length: Math.ceil(blocks.length / GROUP) }, (_, at) =>
    blocks.slice(at * GROUP, (at + 1) * GROUP)
  );
  return (
    <div className="jp-Agent-markdown">
      {groups.map((group, at) => (
        <BlockGroup key={at} blocks={group} />
      ))}
    </div>
  );
});

const BlockGroup = React.memo(
  function BlockGroup({ blocks }: { blocks: readonly Block[] }): JSX.Element {
    return (
      <>
        {blocks.map((block, at) =>
          block.kind === 'code' ? (
            <CodeBlock
              key={at}
              code={block.text}
              language={block.language ?? ''}
              closed={block.closed}
            />
          ) : (
            <MarkdownBlock key={at} text={block.text} />
          )
        )}
      </>
    );
  },
  ({ blocks: before }, { blocks: after }) =>
    before.length === after.length && before.every((block, at) => block === after[at])
);

const MarkdownBlock = React.memo(function MarkdownBlock({ text }: { text: string }): JSX.Element {
  const { rendermime, trans } = useServices();
  const host = React.useRef<HTMLDivElement>(null);
  const [renderer] = React.useState(
    () => new BlockRenderer(rendermime, trans.__('Scrolls sideways'))
  );
  React.useEffect(() => {
    if (host.current) {
      renderer.show(text, host.current);
    }
  }, [renderer, text]);
  React.useEffect(() => () => renderer.stop(), [renderer]);
  return <div ref={host} className="jp-RenderedHTMLCommon jp-RenderedMarkdown" />;
});

/** Renders the latest text into an element, waiting longer the longer rendering takes. */
class BlockRenderer {
  constructor(
    private readonly rendermime: IRenderMimeRegistry,
    private readonly scrollLabel: string
  ) {}

  show(text: string, host: HTMLElement): void {
    this.wanted = text;
    this.stopped = false;
    if (!host.hasChildNodes()) {
      host.textContent = text;
    }
    if (!this.busy) {
      void this.work(host);
    }
  }

  stop(): void {
    this.stopped = true;
  }

  private async work(host: HTMLElement): Promise<void> {
    this.busy = true;
    try {
      while (this.wanted !== this.shown && !this.stopped) {
        const text = this.wanted;
        const begun = performance.now();
        const table = readTable(text);
        if (table) {
          this.table ??= new GrowingTable(
            source => renderSafely(this.rendermime, source),
            host,
            made => markScrollers(made, this.scrollLabel)
          );
          this.shown = (await this.table.advance(table)) ? text : null;
        } else {
          this.table = null;
          const made = await renderSafely(this.rendermime, text);
          markScrollers(made, this.scrollLabel);
          host.replaceChildren(...Array.from(made.childNodes));
          this.shown = text;
        }
        const pause = Math.min(1000, 3 * (performance.now() - begun));
        await new Promise(resolve => setTimeout(resolve, pause));
      }
    } finally {
      this.busy = false;
    }
  }

  private table: GrowingTable | null = null;
  private wanted = '';
  private shown: string | null = null;
  private busy = false;
  private stopped = false;
}

// Diagrams draw what they are told outside our reach.
const DIAGRAM = /((?:`{3,}|~{3,})[^\S\n]*)(?:mermaid|mmd)\b[^\n]*/gi;

/** Render detached, so that nothing is shown or loaded before the last check. */
async function renderSafely(rendermime: IRenderMimeRegistry, text: string): Promise<HTMLElement> {
  const host = document.createElement('div');
  const { sanitizer, latexTypesetter } = rendermime;
  const hasMath = /\$|\\[([]/.test(text);
  // Lab does not wait for formulas, whose typesetter is loaded with the first of them.
  const typesetting: Promise<void>[] = [];
  await renderMarkdown({
    host,
    source: text.replace(DIAGRAM, '$1text'),
    trusted: false,
    resolver: null,
    linkHandler: null,
    sanitizer: {
      sanitize: (dirty: string) => safeHtml(sanitizer.sanitize(dirty)),
      allowNamedProperties: false
    },
    shouldTypeset: hasMath,
    latexTypesetter: latexTypesetter && {
      typeset: element => {
        disarmFormulas(element);
        typesetting.push(Promise.resolve(latexTypesetter.typeset(element)));
      }
    },
    markdownParser: rendermime.markdownParser
  });
  // Where that fails, formulas stay as they were written.
  await Promise.allSettled(typesetting);
  scrub(host);
  return host;
}
