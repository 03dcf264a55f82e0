// What a person knows better of a model than catalogue and provider.
import * as React from 'react';

import { failureText } from '../model/failures';
import type { ModelOverride, ModelInfo } from '../protocol/types';
import { useServices } from './services';

interface Draft {
  readonly window: string;
  readonly input: string;
  readonly output: string;
  readonly tools: boolean;
  readonly vision: boolean;
  readonly thinking: boolean;
}

interface Said {
  readonly ok: boolean;
  readonly message: string;
}

export function ModelFacts(): JSX.Element {
  const { model, trans } = useServices();
  const [id, setId] = React.useState(model.choice.model ?? '');
  const [said, setSaid] = React.useState<Said | null>(null);
  const known = model.models.find(one => one.id === id.trim()) ?? null;
  return (
    <details className="jp-Agent-modelFacts">
      <summary>{trans.__('Correct what is known of a model')}</summary>
      <label className="jp-Agent-fieldLabel">
        {trans.__('Model')}
        <input
          className="jp-Agent-input"
          list="jp-Agent-knownModels"
          spellCheck={false}
          value={id}
          placeholder="provider/name"
          onChange={event => {
            setId(event.target.value);
            setSaid(null);
          }}
        />
      </label>
      <datalist id="jp-Agent-knownModels">
        {model.models.slice(0, 200).map(one => (
          <option key={one.id} value={one.id} />
        ))}
      </datalist>
      <FactsForm key={JSON.stringify([id, known])} id={id.trim()} known={known} say={setSaid} />
      {said && (
        <p className="jp-Agent-testResult" data-ok={said.ok} role="status">
          {said.ok ? '✓ ' : '✗ '}
          {said.message}
        </p>
      )}
    </details>
  );
}

function FactsForm(props: {
  id: string;
  known: ModelInfo | null;
  say: (said: Said) => void;
}): JSX.Element {
  const { model, trans } = useServices();
  const { id, known, say } = props;
  const [draft, setDraft] = React.useState<Draft>(() => draftOf(known));
  const change = (changes: Partial<Draft>): void => setDraft({ ...draft, ...changes });

  const send = async (act: () => Promise<void>, message: string): Promise<void> => {
    try {
      await act();
      say({ ok: true, message });
      await model.setupChanged();
    } catch (error) {
      say({ ok: false, message: failureText(error, trans) });
    }
  };
  const number = (name: 'window' | 'input' | 'output', label: string): JSX.Element => (
    <label className="jp-Agent-fieldLabel">
      {label}
      <input
        className="jp-Agent-input"
        type="number"
        min="0"
        step="any"
        value={draft[name]}
        onChange={event => change({ [name]: event.target.value })}
      />
    </label>
  );
  const can = (name: 'tools' | 'vision' | 'thinking', label: string): JSX.Element => (
    <label className="jp-Agent-check">
      <input
        type="checkbox"
        checked={draft[name]}
        onChange={event => change({ [name]: event.target.checked })}
      />
      {label}
    </label>
  );
  return (
    <form
      className="jp-Agent-providerForm"
      onSubmit={event => {
        event.preventDefault();
        const facts = overrideOf(draft, draftOf(known));
        void send(() => model.server.saveModel(id, facts), trans.__('Kept.'));
      }}
    >
      {number('window', trans.__('Context, in tokens'))}
      {number('input', trans.__('Price of a million tokens in, in dollars'))}
      {number('output', trans.__('Price of a million tokens out, in dollars'))}
      {can('tools', trans.__('Uses tools'))}
      {can('vision', trans.__('Sees images'))}
      {can('thinking', trans.__('Thinks'))}
      <div className="jp-Agent-answers">
        <button type="submit" className="jp-Agent-button" disabled={!id}>
          {trans.__('Keep')}
        </button>
        <button
          type="button"
          className="jp-Agent-button"
          disabled={!id}
          onClick={() => void send(() => model.server.resetModel(id), trans.__('Forgotten.'))}
        >
          {trans.__('Forget corrections')}
        </button>
      </div>
    </form>
  );
}

function draftOf(known: ModelInfo | null): Draft {
  return {
    window: String(known?.context_window ?? ''),
    input: String(known?.price?.input ?? ''),
    output: String(known?.price?.output ?? ''),
    tools: known?.capabilities.tools ?? true,
    vision: known?.capabilities.vision ?? false,
    thinking: known?.capabilities.thinking ?? false
  };
}

/** What of a draft differs from what is known: the rest goes on following catalogue and provider. */
export function overrideOf(draft: Draft, known: Draft): ModelOverride {
  const able: Record<string, boolean> = {};
  for (const name of ['tools', 'vision', 'thinking'] as const) {
    if (draft[name] !== known[name]) {
      able[name] = draft[name];
    }
  }
  const priced = draft.input !== known.input || draft.output !== known.output;
  return {
    ...(draft.window !== known.window && draft.window
      ? { context_window: Number(draft.window) }
      : {}),
    ...(priced && draft.input && draft.output
      ? { price: { input: Number(draft.input), output: Number(draft.output) } }
      : {}),
    ...(Object.keys(able).length > 0 ? { capabilities: able } : {})
  };
}
