// Where the agent waits for the person: approvals and questions do not wait for ever.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { SessionSummary } from '../protocol/types';
import type { AgentModel } from './agent';

/** The sessions that wait for an answer which cannot be seen now. */
export function unseen({ sessions, session, view }: AgentModel): readonly SessionSummary[] {
  const seen = view.visible && view.shown === 'chat' ? session?.id : null;
  return sessions.sessions.filter(one => one.status === 'waiting' && one.id !== seen);
}

/** Which sessions those are, in a sentence. */
export function waitingText(waiting: readonly SessionSummary[], trans: TranslationBundle): string {
  const [first] = waiting;
  return first && waiting.length === 1
    ? trans.__('The agent waits for you in “%1”.', first.title || trans.__('Untitled session'))
    : trans.__('The agent waits for you in %1 sessions.', waiting.length);
}
