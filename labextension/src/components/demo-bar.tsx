// The demo's buttons: the one that plays it, in whose place then is the one that undoes it.
import { PathExt } from '@jupyterlab/coreutils';
import * as React from 'react';

import { useServices } from './services';
import { useSignal } from './signals';

/** Plays the demo; once it was played, removes what it has made. */
export function DemoButton(props: { primary: boolean; done?: () => void }): JSX.Element {
  const { demo, trans, complain } = useServices();
  useSignal(demo.changed);
  const undoes = demo.notebook !== null;
  const press = (): void => {
    (undoes ? demo.undo() : demo.play()).then(props.done, complain);
  };
  return (
    <button
      type="button"
      className={`jp-Agent-button jp-Agent-tryDemo ${props.primary && !undoes ? 'jp-mod-accept' : ''}`}
      disabled={demo.busy}
      onClick={press}
    >
      {undoes ? trans.__('Undo the demo') : trans.__('Try the demo')}
    </button>
  );
}

/** Below the conversation of a demo that is at rest: the way back. */
export function DemoBar({ notebook }: { notebook: string | null }): JSX.Element | null {
  const { demo, trans } = useServices();
  useSignal(demo.changed);
  if (notebook === null || notebook !== demo.notebook) {
    return null;
  }
  return (
    <div className="jp-Agent-banner" data-kind="demo">
      {trans.__('The demo has made the folder %1.', PathExt.dirname(notebook))}
      <DemoButton primary={false} />
    </div>
  );
}
