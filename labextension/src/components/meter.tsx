// What the session has used: context, tokens, cost.
import * as React from 'react';

import type { Budget } from '../protocol/types';
import { dollars } from './numbers';
import { useServices } from './services';

export function Meter({ budget }: { budget: Budget | null }): JSX.Element | null {
  const { trans } = useServices();
  if (budget === null) {
    return null;
  }
  const { context_tokens, context_window, session_usage, session_cost, cost, max_cost } = budget;
  const parts: string[] = [];
  const share =
    context_tokens && context_window ? Math.round((100 * context_tokens) / context_window) : null;
  if (share !== null) {
    parts.push(trans.__('%1 % context', share));
  }
  parts.push(trans.__('%1 tokens', session_usage.total.toLocaleString()));
  if (session_cost != null && session_cost !== cost) {
    parts.push(dollars(session_cost));
  }
  if (cost != null) {
    // The bound is one run's, not the session's.
    const run =
      max_cost == null ? dollars(cost) : trans.__('%1 of %2', dollars(cost), dollars(max_cost));
    parts.push(session_cost === cost ? run : trans.__('last run %1', run));
  }
  const detail =
    cost == null
      ? trans.__('%1 tokens in the last run', budget.usage.total.toLocaleString())
      : trans.__('Last run: %1 tokens, %2', budget.usage.total.toLocaleString(), dollars(cost));
  return (
    <div className="jp-Agent-meter" title={detail} data-full={share !== null && share >= 80}>
      {parts.join(' · ')}
    </div>
  );
}
