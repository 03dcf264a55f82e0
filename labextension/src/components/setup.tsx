// Getting a model: what was looked for, a key or an address, a test that says what is wrong.
import * as React from 'react';

import { hasModel } from '../model/model-list';
import type { ProviderTest } from '../protocol/rest';
import { DemoButton } from './demo-bar';
import { FOCUS_HOME } from './kept-focus';
import { ModelFacts } from './model-facts';
import { OwnServerForm, ProviderForm } from './provider-form';
import { useServices } from './services';
import { useSignal } from './signals';

/** In the list of providers: one that is not there yet. */
const OWN = 'own';

export function Setup({ close }: { close: () => void }): JSX.Element {
  const { model, trans, complain } = useServices();
  useSignal(model.changed);
  const [chosen, setChosen] = React.useState<string | null>(null);
  const [added, setAdded] = React.useState<{ name: string; tested: ProviderTest | null }>();
  React.useEffect(() => {
    model.refreshProviders().catch(complain);
  }, [model, complain]);
  const { providers } = model;
  const adding = chosen === OWN;
  const provider = adding ? null : (providers.find(one => one.name === chosen) ?? providers[0]);
  const ready = hasModel(model.models);
  return (
    <section className="jp-Agent-setupCard" aria-label={trans.__('Set up a model')}>
      <h3>{ready ? trans.__('Models and keys') : trans.__('No model yet')}</h3>
      {!ready && (
        <p>
          {trans.__(
            'Watch the demo: a script, no model, that analyses a small table with the real tools, ' +
              'in a folder of its own.'
          )}
        </p>
      )}
      <div className="jp-Agent-answers">
        <DemoButton primary={!ready} done={close} />
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
          {...FOCUS_HOME}
          className="jp-Agent-select jp-Agent-providerSelect"
          value={adding ? OWN : (provider?.name ?? '')}
          onChange={event => setChosen(event.target.value)}
        >
          {providers.map(one => (
            <option key={one.name} value={one.name}>
              {one.label}
              {one.tested ? ' ✓' : one.tested === false ? ' ✗' : ''}
            </option>
          ))}
          <option value={OWN}>{trans.__('A server of your own…')}</option>
        </select>
      </label>
      {adding && (
        <OwnServerForm
          added={(name, tested) => {
            setAdded({ name, tested });
            setChosen(name);
          }}
        />
      )}
      {provider && (
        <ProviderForm
          key={provider.name}
          provider={provider}
          tested={added?.name === provider.name ? added.tested : null}
        />
      )}
      {ready && <ModelFacts />}
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
