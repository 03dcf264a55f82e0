// A diff of two texts, line by line; told apart by sign as well as by colour.
import * as React from 'react';

import { VisibleText } from './code-text';
import type { DiffGap, DiffLine } from './line-diff';
import { diffCounts, foldDiff, lineDiff } from './line-diff';
import { useServices } from './services';

const SIGN = { same: ' ', added: '+', removed: '−' };

export function Diff(props: { before: string; after: string; context: number }): JSX.Element {
  const { before, after, context } = props;
  const { trans } = useServices();
  const diff = React.useMemo(() => lineDiff(before, after), [before, after]);
  const { added, removed } = diffCounts(diff);
  const label = trans.__('%1 lines added, %2 removed', added, removed);
  return (
    <div className="jp-Agent-diff" role="group" aria-label={label} dir="ltr">
      {foldDiff(diff, context).map((line, at) => (
        <DiffRow key={at} line={line} />
      ))}
    </div>
  );
}

function DiffRow({ line }: { line: DiffLine | DiffGap }): JSX.Element {
  const { trans } = useServices();
  if (line.kind === 'gap') {
    return (
      <div className="jp-Agent-diffGap">
        {trans._n('%1 unchanged line', '%1 unchanged lines', line.count)}
      </div>
    );
  }
  return (
    <div className="jp-Agent-diffLine" data-kind={line.kind}>
      <span className="jp-Agent-diffSign">{SIGN[line.kind]}</span>
      <span className="jp-Agent-diffText">
        <VisibleText text={line.text} />
      </span>
    </div>
  );
}
