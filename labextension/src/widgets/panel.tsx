// The side-bar widget that holds the panel.
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Panel } from '../components/panel';
import type { PanelServices } from '../components/services';
import { ServicesContext } from '../components/services';
import { agentIcon } from './icon';

export class AgentPanel extends ReactWidget {
  constructor(private readonly services: PanelServices) {
    super();
    const { trans } = services;
    this.id = 'jupyter-agent-panel';
    this.addClass('jp-Agent');
    this.title.icon = agentIcon;
    this.title.caption = trans.__('Agent');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Agent'));
  }

  /** Put the cursor into the composer. */
  focusComposer(): void {
    this.node.querySelector<HTMLTextAreaElement>('.jp-Agent-composer textarea')?.focus();
  }

  protected override render(): JSX.Element {
    return (
      <ServicesContext.Provider value={this.services}>
        <Panel />
      </ServicesContext.Provider>
    );
  }
}
