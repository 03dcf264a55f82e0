// Getting a model: what was looked for, a key or an address, a test that says what is wrong.
import * as React from 'react';

import type { ProviderInfo, ProviderTest } from '../protocol/rest';
import { hasModel } from './model-search';
import { useServices } from './services';
import { useSignal } from './signals';

export function Setup({ close }: { close: () => void }): JSX.Element {
  const { model, trans, complain } = useServices();
  useSignal(model.changed);
  const [chosen, setChosen] = React.useState<string | null>(null);
  React.useEffect(() => {
    model.refreshProviders().catch(complain);
  }, [model, complain]);
  const { providers } = model;
  const provider = providers.find(one => one.name === chosen) ?? providers[0];
  const ready = hasModel(model.models);
  const tryDemo = (): void => {
    model.startNew();
    model.choose({ model: 'demo' }).catch(complain);
    close();
  };
  return (
    <section className="jp-Agent-setupCard" aria-label={trans.__('Set up a model')}>
      <h3>{ready ? trans.__('Models and keys') : trans.__('No model yet')}</h3>
      {!ready && (
        <p>
          {trans.__('Look around with the demo: a script, no model, that uses the real tools.')}
        </p>
      )}
      <div className="jp-Agent-answers">
        <button
          type="button"
          className={`jp-Agent-button jp-Agent-tryDemo ${ready ? '' : 'jp-mod-accept'}`}
          onClick={tryDemo}
        >
          {trans.__('Try the demo')}
        </button>
        {ready && (
          <button type="button" className="jp-Agent-button" onClick={close}>
            {trans.__('Back to the conversation')}
          </button>
        )}
      </div>
      {!ready && <p>{trans.__('Or connect a model:')}</p>}
      <label className="jp-Agent-fieldLabel">
        {trans.__('Provider')}
        <select
          className="jp-Agent-select jp-Agent-providerSelect"
          value={provider?.name ?? ''}
          onChange={event => setChosen(event.target.value)}
        >
          {providers.map(one => (
            <option key={one.name} value={one.name}>
              {one.label}
              {one.has_key ? ' ✓' : ''}
            </option>
          ))}
        </select>
      </label>
      {provider && <ProviderForm key={provider.name} provider={provider} />}
      {!ready && <LookedFor />}
    </section>
  );
}

function LookedFor(): JSX.Element | null {
  const { model, trans } = useServices();
  const looked = model.status?.looked_for ?? [];
  if (looked.length === 0) {
    return null;
  }
  return (
    <details className="jp-Agent-dim">
      <summary>{trans.__('What was looked for, and not found')}</summary>
      <ul className="jp-Agent-lookedFor">
        {looked.map(one => (
          <li key={one}>{one}</li>
        ))}
      </ul>
    </details>
  );
}

function ProviderForm({ provider }: { provider: ProviderInfo }): JSX.Element {
  const { model, trans, complain } = useServices();
  const [key, setKey] = React.useState('');
  const [url, setUrl] = React.useState(provider.base_url ?? '');
  const [busy, setBusy] = React.useState(false);
  const [found, setFound] = React.useState<ProviderTest | null>(
    provider.message ? { ok: provider.ok ?? false, message: provider.message } : null
  );
  const changed = key !== '' || url !== (provider.base_url ?? '');

  /** Keep what was typed, then ask the provider. */
  const test = async (): Promise<void> => {
    setBusy(true);
    try {
      if (changed) {
        const address = url !== (provider.base_url ?? '') ? { base_url: url.trim() } : {};
        await model.server.saveProvider(provider.name, { ...(key ? { key } : {}), ...address });
        setKey('');
      }
      setFound(await model.server.testProvider(provider.name));
      await Promise.all([model.refreshProviders(), model.refreshModels()]);
    } catch (error) {
      setFound({ ok: false, message: (error as Error).message });
    } finally {
      setBusy(false);
    }
  };
  const forget = async (): Promise<void> => {
    await model.server.forgetProviderKey(provider.name);
    await Promise.all([model.refreshProviders(), model.refreshModels()]);
  };
  return (
    <form
      className="jp-Agent-providerForm"
      onSubmit={event => {
        event.preventDefault();
        void test();
      }}
    >
      {!provider.local && (
        <label className="jp-Agent-fieldLabel">
          {trans.__('Key')}
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
          onChange={event => setUrl(event.target.value)}
        />
      </label>
      {provider.key_variable && (
        <p className="jp-Agent-dim">
          {trans.__('Or set %1 before Jupyter starts.', provider.key_variable)}
        </p>
      )}
      <div className="jp-Agent-answers">
        <button type="submit" className="jp-Agent-button jp-mod-accept" disabled={busy}>
          {busy ? trans.__('Testing…') : changed ? trans.__('Save and test') : trans.__('Test')}
        </button>
        {provider.has_key && (
          <button
            type="button"
            className="jp-Agent-button"
            onClick={() => void forget().catch(complain)}
          >
            {trans.__('Forget the key')}
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
