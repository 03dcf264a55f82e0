// An empty session: what this is, and ways to begin.
import { PathExt } from '@jupyterlab/coreutils';
import * as React from 'react';

import { isDemo } from '../model/model-list';
import { useServices } from './services';
import { useSignal } from './signals';

/** The notebook that the demo's own questions are about; of any other it explores the table. */
const PENGUINS = 'penguins.ipynb';

export function Empty(): JSX.Element {
  const { model, demo, trans, complain } = useServices();
  useSignal(demo.changed);
  const ask = (text: string): void => void model.prompt(text).catch(complain);
  const runDemo = (): void => {
    if (model.place === null) {
      demo.play().catch(complain);
    } else {
      const own = PathExt.basename(model.place) === PENGUINS;
      ask((own ? model.status?.demo_prompt : model.status?.demo_explore_prompt) ?? '');
    }
  };
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
      {isDemo(model.choice.model) ? (
        <button
          type="button"
          className="jp-Agent-button jp-mod-accept jp-Agent-demoButton"
          disabled={demo.busy}
          onClick={runDemo}
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
