// An empty session: what this is, and ways to begin.
import * as React from 'react';

import { isDemo } from '../model/model-list';
import { useServices } from './services';

export function Empty(): JSX.Element {
  const { model, trans, complain } = useServices();
  const ask = (text: string): void => void model.prompt(text).catch(complain);
  const demo = isDemo(model.choice.model);
  const suggestions =
    model.place === null
      ? [trans.__('Create a notebook that shows what you can do.')]
      : [
          trans.__('Explain this notebook.'),
          trans.__('Find out why the last cell fails, and fix it.'),
          trans.__('Plot the most interesting relation in the data.')
        ];
  return (
    <div className="jp-Agent-empty">
      <p>
        {trans.__('An agent for this notebook: it reads the cells, variables and plots,')}
        <br />
        {trans.__('writes and runs cells in your kernel, and looks at what comes out.')}
        <br />
        {trans.__('You watch each step, allow what it does, and can stop it at any time.')}
      </p>
      {demo ? (
        <button
          type="button"
          className="jp-Agent-button jp-mod-accept jp-Agent-demoButton"
          onClick={() => ask(model.status?.demo_prompt ?? '')}
        >
          {trans.__('Run the demo')}
        </button>
      ) : (
        <div className="jp-Agent-suggestions">
          {suggestions.map(text => (
            <button
              key={text}
              type="button"
              className="jp-Agent-button jp-Agent-suggestion"
              onClick={() => ask(text)}
            >
              {text}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
