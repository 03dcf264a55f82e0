// Text shown exactly as it is: nothing invisible stays invisible, nothing is scrolled out of view.
import * as React from 'react';

import { useServices } from './services';
import { hasInvisible, hasLookalike, textRuns } from './visible-text';

/** A text with its invisible characters named, and its look-alikes told. */
export function VisibleText({ text }: { text: string }): JSX.Element {
  return (
    <>
      {textRuns(text).map((run, at) =>
        run.code ? (
          <span key={at} className="jp-Agent-invisible">
            {run.lookalike ? `${run.text}⟨${run.code}⟩` : `⟨${run.code}⟩`}
          </span>
        ) : (
          <React.Fragment key={at}>{run.text}</React.Fragment>
        )
      )}
    </>
  );
}

/** Code or plain text, whole, with a warning when it holds what cannot be seen or is taken for something else. */
export function ExactText({ text }: { text: string }): JSX.Element {
  const { trans } = useServices();
  return (
    <>
      {hasInvisible(text) && (
        <p className="jp-Agent-warning">
          {trans.__('This text has invisible characters. They are shown as ⟨U+…⟩.')}
        </p>
      )}
      {hasLookalike(text) && (
        <p className="jp-Agent-warning">
          {trans.__('This text has letters that look like others. They are followed by ⟨U+…⟩.')}
        </p>
      )}
      <pre className="jp-Agent-exact" dir="ltr">
        <VisibleText text={text} />
      </pre>
    </>
  );
}
