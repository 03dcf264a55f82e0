// A tool call that waits for a person: exactly what would happen, whole, and the answers there are.
import * as React from 'react';

import { failureText } from '../model/failures';
import type { SessionModel } from '../model/session';
import type { ApprovalStart, GrantScope, Permission } from '../protocol/types';
import { ExactText, VisibleText } from './code-text';
import { Preview } from './preview';
import { useRequest } from './request';
import { useServices } from './services';
import { useSignal } from './signals';

// Milliseconds until the buttons can be used: a click or a key that was meant for something else,
// on its way when the request appeared, must not allow anything.
const GRACE = 400;

/** The keys that allow, while the focus is on the request; no letter: `n` would be taken for “no”. */
const KEYS: Readonly<Record<GrantScope, string>> = { once: '1', session: '2', notebook: '3' };

export function Approval(props: { session: SessionModel; approval: ApprovalStart }): JSX.Element {
  const { session, approval } = props;
  const { trans, model } = useServices();
  useSignal(model.connection.stateChanged);
  const welcome = model.connection.welcome;
  const id = React.useId();
  const [reason, setReason] = React.useState('');
  const [problem, setProblem] = React.useState('');
  const [sending, setSending] = React.useState(false);
  const [ready, setReady] = React.useState(false);
  React.useEffect(() => {
    const timer = setTimeout(() => setReady(true), GRACE);
    return () => clearTimeout(timer);
  }, []);
  const settle = async (allow: boolean, scope: GrantScope, reason?: string): Promise<void> => {
    setSending(true);
    setProblem('');
    try {
      await session.approve(approval, allow, scope, reason);
    } catch (error) {
      setProblem(failureText(error, trans));
      setSending(false);
    }
  };
  const refused = welcome?.can_approve === false ? (welcome.reason ?? '') : null;
  const disabled = sending || !welcome;
  const allow = (scope: GrantScope): void => {
    if (ready && !disabled && refused === null && approval.scopes.includes(scope)) {
      void settle(true, scope);
    }
  };
  const deny = (): void => {
    if (!disabled && refused === null) {
      void settle(false, 'once', reason.trim() || undefined);
    }
  };
  const attributes = useRequest(deny, {
    [KEYS.once]: () => allow('once'),
    [KEYS.session]: () => allow('session'),
    [KEYS.notebook]: () => allow('notebook')
  });
  return (
    <div
      {...attributes}
      className="jp-Agent-approval"
      aria-labelledby={id}
      data-tool={approval.tool_name}
    >
      <div id={id} className="jp-Agent-approvalTitle">
        <VisibleText text={trans.__('Allow? %1', approval.title)} />
      </div>
      <PermissionList permissions={approval.permissions} />
      {approval.preview.length > 0 ? (
        <Preview blocks={approval.preview} whole={true} />
      ) : (
        <ExactText text={JSON.stringify(approval.arguments, null, 2)} />
      )}
      {problem && (
        <p className="jp-Agent-warning" role="alert">
          {problem}
        </p>
      )}
      {refused === null ? (
        <Answers
          scopes={approval.scopes}
          disabled={disabled}
          tooEarly={!ready}
          reason={reason}
          setReason={setReason}
          allow={allow}
          deny={deny}
        />
      ) : (
        <p className="jp-Agent-warning">
          {refused || trans.__('This window may not approve anything.')}
        </p>
      )}
    </div>
  );
}

function PermissionList(props: { permissions: readonly Permission[] }): JSX.Element {
  const { trans } = useServices();
  const words: Record<Permission, string> = {
    read: trans.__('reads'),
    write: trans.__('changes the notebook or files'),
    exec: trans.__('runs code with your rights'),
    network: trans.__('uses the network')
  };
  return (
    <div className="jp-Agent-permissions">
      {props.permissions.map(one => words[one] ?? one).join(' · ')}
    </div>
  );
}

function Answers(props: {
  scopes: readonly GrantScope[];
  disabled: boolean;
  tooEarly: boolean;
  reason: string;
  setReason: (reason: string) => void;
  allow: (scope: GrantScope) => void;
  deny: () => void;
}): JSX.Element {
  const { scopes, disabled, tooEarly, reason, setReason, allow, deny } = props;
  const { trans } = useServices();
  const labels: Record<GrantScope, string> = {
    once: trans.__('Allow once'),
    session: trans.__('Allow for this session'),
    notebook: trans.__('Allow for this notebook')
  };
  const offered = (['once', 'session', 'notebook'] as const).filter(one => scopes.includes(one));
  return (
    <div className="jp-Agent-answers">
      {offered.map(scope => (
        <button
          key={scope}
          type="button"
          className={`jp-Agent-button ${scope === 'once' ? 'jp-mod-accept' : ''}`}
          data-action={`allow-${scope}`}
          disabled={disabled || tooEarly}
          aria-keyshortcuts={KEYS[scope]}
          onClick={() => allow(scope)}
        >
          {labels[scope]} <kbd aria-hidden="true">{KEYS[scope]}</kbd>
        </button>
      ))}
      <span className="jp-Agent-deny">
        <input
          className="jp-Agent-denyReason jp-Agent-input"
          value={reason}
          disabled={disabled}
          placeholder={trans.__('Why not? (optional)')}
          aria-label={trans.__('Reason for denying')}
          onChange={event => setReason(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
              deny();
            }
          }}
        />
        <button
          type="button"
          className="jp-Agent-button"
          data-action="deny"
          disabled={disabled}
          aria-keyshortcuts="Escape"
          onClick={deny}
        >
          {trans.__('Deny')} <kbd aria-hidden="true">Esc</kbd>
        </button>
      </span>
    </div>
  );
}
