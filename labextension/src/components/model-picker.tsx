// Choosing a model: a button that shows it, and a list to search.
import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ModelInfo } from '../protocol/types';
import { isModelId, searchModels, shownModels } from './model-search';
import { shortCount } from './numbers';
import { useServices } from './services';
import { useSignal } from './signals';

export function ModelPicker(): JSX.Element {
  const { model, trans, complain } = useServices();
  const [open, setOpen] = React.useState(false);
  const button = React.useRef<HTMLButtonElement>(null);
  React.useEffect(() => {
    const show = (): void => {
      setOpen(true);
      void model.refreshModels().catch(complain);
    };
    model.view.modelWanted.connect(show);
    return () => {
      model.view.modelWanted.disconnect(show);
    };
  }, [model, complain]);
  const { model: chosen } = model.choice;
  const label = model.model?.label ?? chosen ?? trans.__('Choose a model');
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <span
      className="jp-Agent-modelPicker"
      onBlur={event => {
        // Where the focus goes it was sent: the list only closes. To its own button it does not, or
        // the click on its way there would open it again.
        if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) {
          setOpen(false);
        }
      }}
    >
      <button
        ref={button}
        type="button"
        className="jp-Agent-pickerButton"
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={trans.__('Model: %1', label)}
        title={chosen ?? undefined}
        onClick={() => {
          setOpen(!open);
          if (!open) {
            void model.refreshModels().catch(complain);
          }
        }}
      >
        <span className="jp-Agent-pickerLabel">{label}</span>
        <caretDownIcon.react tag="span" elementSize="normal" />
      </button>
      {open && <ModelList close={close} chosen={chosen} />}
    </span>
  );
}

/** More rows than anyone reads: typing narrows the list. */
const SHOWN = 100;

function ModelList(props: { close: () => void; chosen: string | null }): JSX.Element {
  const { model, trans, complain } = useServices();
  const [query, setQuery] = React.useState('');
  // By its name: the list may become another under the person's hands.
  const [marked, setMarked] = React.useState<string | null>(props.chosen);
  const id = React.useId();
  const box = React.useRef<HTMLDivElement>(null);
  useSignal(model.changed);
  const all = searchModels(model.models, query);
  const current = model.models.find(one => one.id === props.chosen);
  const found = shownModels(all, query ? undefined : current, SHOWN);
  const missing = query.trim() ? 0 : model.models.filter(one => !one.available).length;
  const typed = isModelId(query, model.models) ? query.trim() : null;
  const ids = [...found.map(one => one.id), ...(typed ? [typed] : [])];
  const at = Math.max(0, ids.indexOf(marked ?? ''));
  const choose = (modelId: string | undefined): void => {
    if (modelId) {
      void model.choose({ model: modelId }).catch(complain);
      props.close();
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setMarked(ids[Math.min(ids.length - 1, Math.max(0, at + step))] ?? null);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(ids[at]);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      props.close();
    }
  };
  React.useEffect(() => {
    box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  return (
    <div ref={box} className="jp-Agent-popover" role="dialog" aria-label={trans.__('Models')}>
      <input
        className="jp-Agent-input"
        autoFocus
        type="search"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={ids[at] ? `${id}-${at}` : undefined}
        aria-label={trans.__('Search models')}
        placeholder={trans.__('Search, or type provider/name')}
        value={query}
        onChange={event => {
          setQuery(event.target.value);
          setMarked(null);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id={id} className="jp-Agent-modelList" role="listbox" aria-label={trans.__('Models')}>
        {found.map((one, index) => (
          <li
            key={one.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            data-available={one.available}
            data-model={one.id}
            onClick={() => choose(one.id)}
          >
            <ModelRow model={one} chosen={one.id === props.chosen} />
          </li>
        ))}
        {typed && (
          <li
            id={`${id}-${found.length}`}
            role="option"
            aria-selected={at === found.length}
            data-model={typed}
            onClick={() => choose(typed)}
          >
            {trans.__('Use %1', typed)}
          </li>
        )}
      </ul>
      <ListNotes none={ids.length === 0} more={all.length - found.length} missing={missing} />
      <ListState />
    </div>
  );
}

/** What is not in the list; beside it, since a list of options holds nothing else. */
function ListNotes(props: { none: boolean; more: number; missing: number }): JSX.Element {
  const { trans } = useServices();
  return (
    <div className="jp-Agent-listNotes jp-Agent-dim">
      {props.none && <p>{trans.__('No model matches.')}</p>}
      {props.more > 0 && <p>{trans.__('%1 more: type to narrow the list.', props.more)}</p>}
      {props.missing > 0 && (
        <p>
          {trans._n(
            '%1 model needs a key or an address: type to find it, or open the settings.',
            '%1 models need a key or an address: type to find one, or open the settings.',
            props.missing
          )}
        </p>
      )}
    </div>
  );
}

/** Whether the providers are being asked, and which did not answer. */
function ListState(): JSX.Element {
  const { model, trans } = useServices();
  const { asking, failures } = model.listing;
  return (
    <div className="jp-Agent-listState" role="status">
      {asking && (
        <span className="jp-Agent-dim">{trans.__('Asking the providers for their models…')}</span>
      )}
      {!asking &&
        failures.map(one => (
          <span key={one.provider} className="jp-Agent-unavailable">
            {trans.__('%1 did not list its models: %2', one.label, one.message)}
          </span>
        ))}
    </div>
  );
}

function ModelRow({ model, chosen }: { model: ModelInfo; chosen: boolean }): JSX.Element {
  const { trans } = useServices();
  const facts = [model.id.includes('://') ? (model.id.split('#')[0] ?? '') : model.provider];
  if (model.context_window) {
    facts.push(trans.__('%1 context', shortCount(model.context_window)));
  }
  if (model.price) {
    facts.push(trans.__('$%1 in, $%2 out per million', model.price.input, model.price.output));
  }
  return (
    <>
      <span className="jp-Agent-modelName">
        {model.label}
        {chosen && <span aria-label={trans.__('chosen')}> ✓</span>}
      </span>
      <span className="jp-Agent-dim">{[...facts, ...abilities(model, trans)].join(' · ')}</span>
      {!model.available && (
        <span className="jp-Agent-unavailable">{model.reason ?? trans.__('Not available')}</span>
      )}
      {model.available && model.reason && <span className="jp-Agent-dim">{model.reason}</span>}
    </>
  );
}

/** What a model can do, in words; that it uses tools is expected, and said only when it does not. */
function abilities({ capabilities }: ModelInfo, trans: TranslationBundle): string[] {
  const words: [boolean, string][] = [
    [capabilities.vision, trans.__('sees images')],
    [capabilities.documents, trans.__('reads PDF')],
    [capabilities.audio, trans.__('hears')],
    [capabilities.thinking, trans.__('thinks')],
    [!capabilities.tools, trans.__('no tools')]
  ];
  return words.filter(([has]) => has).map(([, word]) => word);
}
