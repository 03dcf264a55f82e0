// Choosing a model: a button that shows it, and a list to search.
import { caretDownIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ModelInfo } from '../protocol/types';
import { isModelId, searchModels } from './model-search';
import { shortCount } from './numbers';
import { useServices } from './services';

export function ModelPicker(): JSX.Element {
  const { model, trans, complain } = useServices();
  const [open, setOpen] = React.useState(false);
  const button = React.useRef<HTMLButtonElement>(null);
  const { model: chosen } = model.choice;
  const label = model.model?.label ?? chosen ?? trans.__('Choose a model');
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <span className="jp-Agent-modelPicker">
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
          void model.refreshModels().catch(complain);
        }}
      >
        <span className="jp-Agent-pickerLabel">{label}</span>
        <caretDownIcon.react tag="span" elementSize="normal" />
      </button>
      {open && <ModelList close={close} chosen={chosen} />}
    </span>
  );
}

function ModelList(props: { close: () => void; chosen: string | null }): JSX.Element {
  const { model, trans, complain } = useServices();
  const [query, setQuery] = React.useState('');
  const [at, setAt] = React.useState(0);
  const id = React.useId();
  const box = React.useRef<HTMLDivElement>(null);
  const found = searchModels(model.models, query);
  const typed = isModelId(query, model.models) ? query.trim() : null;
  const ids = [...found.map(one => one.id), ...(typed ? [typed] : [])];
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
      setAt(Math.min(ids.length - 1, Math.max(0, at + step)));
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
    <div
      ref={box}
      className="jp-Agent-popover"
      role="dialog"
      aria-label={trans.__('Models')}
      onBlur={event => {
        if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) {
          props.close();
        }
      }}
    >
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
          setAt(0);
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
        {ids.length === 0 && <li className="jp-Agent-dim">{trans.__('No model matches.')}</li>}
      </ul>
    </div>
  );
}

function ModelRow({ model, chosen }: { model: ModelInfo; chosen: boolean }): JSX.Element {
  const { trans } = useServices();
  const facts = [model.provider];
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
      <span className="jp-Agent-dim">{facts.join(' · ')}</span>
      {!model.available && (
        <span className="jp-Agent-unavailable">{model.reason ?? trans.__('Not available')}</span>
      )}
    </>
  );
}
