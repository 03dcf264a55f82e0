// One provider: its key and address, a test that says what is wrong, and forgetting them again.
import * as React from 'react';

import { failureText } from '../model/failures';
import type { ProviderInfo, ProviderTest } from '../protocol/rest';
import { useServices } from './services';

/** `tested`: what a test said when the server was added. */
export function ProviderForm({
  provider,
  tested = null
}: {
  provider: ProviderInfo;
  tested?: ProviderTest | null;
}): JSX.Element {
  const { model, trans, complain } = useServices();
  const [key, setKey] = React.useState('');
  // Null: the address as the server has it, which may become another.
  const [typed, setTyped] = React.useState<string | null>(null);
  const [busy, setBusy] = React.useState(false);
  const [found, setFound] = React.useState(tested);
  const fixed = provider.own || provider.locked;
  const known = provider.base_url ?? '';
  const url = typed ?? known;
  const moved = !fixed && url.trim() !== known;
  const changed = key !== '' || moved;

  /** Keep what was typed, then ask the provider. */
  const test = async (): Promise<void> => {
    setBusy(true);
    try {
      if (changed) {
        const address = moved ? { base_url: url.trim() } : {};
        await model.server.saveProvider(provider.name, { ...(key ? { key } : {}), ...address });
        setKey('');
      }
      setFound(await model.server.testProvider(provider.name));
      await model.setupChanged();
      setTyped(null);
    } catch (error) {
      setFound({ ok: false, message: failureText(error, trans) });
    } finally {
      setBusy(false);
    }
  };
  const forget = async (): Promise<void> => {
    await model.server.forgetProviderKey(provider.name);
    setFound(null);
    setTyped(null);
    await model.setupChanged();
  };
  return (
    <form
      className="jp-Agent-providerForm"
      onSubmit={event => {
        event.preventDefault();
        void test();
      }}
    >
      {(!provider.local || provider.own || provider.key_variable) && (
        <label className="jp-Agent-fieldLabel">
          {provider.local || provider.own ? trans.__('Key, if it needs one') : trans.__('Key')}
          <input
            className="jp-Agent-input jp-Agent-keyInput"
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={key}
            placeholder={provider.has_key ? trans.__('A key is stored') : trans.__('Paste a key')}
            onChange={event => setKey(event.target.value)}
          />
        </label>
      )}
      <label className="jp-Agent-fieldLabel">
        {trans.__('Address')}
        <input
          className="jp-Agent-input jp-Agent-urlInput"
          type="url"
          spellCheck={false}
          value={url}
          placeholder="https://…"
          readOnly={fixed}
          onChange={event => setTyped(event.target.value)}
        />
      </label>
      {provider.locked && (
        <p className="jp-Agent-dim">{trans.__('The administrator has set this address.')}</p>
      )}
      <KeyWords provider={provider} />
      <div className="jp-Agent-answers">
        <button type="submit" className="jp-Agent-button jp-mod-accept" disabled={busy}>
          {busy ? trans.__('Testing…') : changed ? trans.__('Save and test') : trans.__('Test')}
        </button>
        {(provider.stored || (provider.has_key && provider.key_source !== 'environment')) && (
          <button
            type="button"
            className="jp-Agent-button"
            disabled={busy}
            onClick={() => void forget().catch(complain)}
          >
            {provider.own
              ? trans.__('Remove this server')
              : provider.has_key && provider.key_source !== 'environment'
                ? trans.__('Forget the key')
                : trans.__('Forget the address')}
          </button>
        )}
      </div>
      {found && (
        <p className="jp-Agent-testResult" data-ok={found.ok} role="status">
          {found.ok ? '✓ ' : '✗ '}
          {found.message}
        </p>
      )}
    </form>
  );
}

/** Where the key comes from, or could come from. */
function KeyWords({ provider }: { provider: ProviderInfo }): JSX.Element | null {
  const { trans } = useServices();
  const { key_source: source, key_variable: variable } = provider;
  if (source === 'environment') {
    return <p className="jp-Agent-dim">{trans.__('Its key comes from %1.', variable ?? '')}</p>;
  }
  if (source === 'keyring') {
    return <p className="jp-Agent-dim">{trans.__('Its key is in the system’s keyring.')}</p>;
  }
  if (source === 'file') {
    return <p className="jp-Agent-dim">{trans.__('Its key is in a file only you can read.')}</p>;
  }
  if (variable) {
    return <p className="jp-Agent-dim">{trans.__('Or set %1 before Jupyter starts.', variable)}</p>;
  }
  return null;
}

/** A server of the person's own: its address is its name, and its models are listed. */
export function OwnServerForm({
  added
}: {
  added: (name: string, tested: ProviderTest | null) => void;
}): JSX.Element {
  const { model, trans } = useServices();
  const [url, setUrl] = React.useState('');
  const [key, setKey] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<string | null>(null);
  // Whether it was asked and did not answer: it may be started later.
  const [failed, setFailed] = React.useState(false);

  /** Ask the server before anything is stored; `untested`: store it as it is. */
  const add = async (untested = false): Promise<void> => {
    setBusy(true);
    setProblem(null);
    const before = new Set(model.providers.map(one => one.name));
    let found: ProviderTest | null = null;
    try {
      if (!untested) {
        found = await model.server.testProvider(url.trim(), key ? { key } : {});
        if (!found.ok) {
          setProblem(found.message);
          setFailed(true);
          setBusy(false);
          return;
        }
      }
      await model.server.saveProvider(url.trim(), key ? { key } : {});
      await model.setupChanged();
      const name = model.providers.find(one => one.own && !before.has(one.name))?.name;
      added(name ?? url.trim(), found);
    } catch (error) {
      setProblem(failureText(error, trans));
      setBusy(false);
    }
  };
  return (
    <form
      className="jp-Agent-providerForm"
      onSubmit={event => {
        event.preventDefault();
        void add();
      }}
    >
      <p className="jp-Agent-dim">
        {trans.__('Any server that speaks OpenAI’s Chat API; usually its address ends in /v1.')}
      </p>
      <label className="jp-Agent-fieldLabel">
        {trans.__('Address')}
        <input
          className="jp-Agent-input jp-Agent-urlInput"
          type="url"
          required
          spellCheck={false}
          value={url}
          placeholder="http://localhost:8000/v1"
          onChange={event => {
            setUrl(event.target.value);
            setFailed(false);
          }}
        />
      </label>
      <label className="jp-Agent-fieldLabel">
        {trans.__('Key, if it needs one')}
        <input
          className="jp-Agent-input jp-Agent-keyInput"
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={key}
          onChange={event => setKey(event.target.value)}
        />
      </label>
      <div className="jp-Agent-answers">
        <button
          type="submit"
          className="jp-Agent-button jp-mod-accept"
          disabled={busy || !url.trim()}
        >
          {busy
            ? trans.__('Testing…')
            : failed
              ? trans.__('Test again')
              : trans.__('Add this server')}
        </button>
        {failed && (
          <button
            type="button"
            className="jp-Agent-button"
            data-action="add-untested"
            disabled={busy || !url.trim()}
            onClick={() => void add(true)}
          >
            {trans.__('Add it untested')}
          </button>
        )}
      </div>
      {problem && (
        <p className="jp-Agent-testResult" data-ok={false} role="status">
          {`✗ ${problem}`}
        </p>
      )}
    </form>
  );
}
