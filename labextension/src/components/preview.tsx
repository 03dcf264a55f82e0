// What a tool call would do or did, as the server described it: code, diffs, text.
import * as React from 'react';

import type { PreviewBlock } from '../protocol/types';
import { ExactText, VisibleText } from './code-text';
import { Diff } from './diff';

/** `whole`: nothing is folded away, for a person who is about to allow it. */
export function Preview(props: { blocks: readonly PreviewBlock[]; whole: boolean }): JSX.Element {
  return (
    <>
      {props.blocks.map((block, at) => (
        <section key={at} className="jp-Agent-preview" data-kind={block.kind}>
          {block.label && (
            <header className="jp-Agent-previewLabel">
              <VisibleText text={block.label} />
            </header>
          )}
          {block.kind === 'diff' ? (
            <Diff
              before={block.before ?? ''}
              after={block.text}
              context={props.whole ? Infinity : 3}
            />
          ) : (
            <ExactText text={block.text} />
          )}
        </section>
      ))}
    </>
  );
}
