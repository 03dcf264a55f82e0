// The side-bar widget that holds the panel.
import type { Cell } from '@jupyterlab/cells';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { Panel } from '../components/panel';
import type { PanelServices } from '../components/services';
import { ServicesContext } from '../components/services';
import { agentIcon } from './icon';

/** What is asked of Lumino's drag events. */
interface CellDrag extends Event {
  readonly mimeData: { hasData(mime: string): boolean; getData(mime: string): unknown };
  dropAction: 'copy' | 'none';
}

/** What Lab's notebooks put on a cell that is dragged. */
const CELLS = 'internal:cells';
const DRAGS = ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop'];

export class AgentPanel extends ReactWidget {
  /** `mention` puts cells that were dropped into the prompt, by their ids. */
  constructor(
    private readonly services: PanelServices,
    private readonly mention: (cellIds: readonly string[]) => void
  ) {
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

  /** Take cells that are dragged here. */
  handleEvent(event: Event): void {
    const drag = event as CellDrag;
    if (!drag.mimeData.hasData(CELLS)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.toggleClass('jp-mod-dropTarget', /enter|over/.test(event.type));
    if (event.type === 'lm-dragover') {
      drag.dropAction = 'copy';
    } else if (event.type === 'lm-drop') {
      // A cell that is only mentioned stays where it is.
      drag.dropAction = 'none';
      const cells = drag.mimeData.getData(CELLS) as readonly Cell[];
      this.mention(cells.map(cell => cell.model.id));
      this.focusComposer();
    }
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    DRAGS.forEach(type => this.node.addEventListener(type, this));
  }

  protected override onBeforeDetach(message: Message): void {
    DRAGS.forEach(type => this.node.removeEventListener(type, this));
    super.onBeforeDetach(message);
  }

  protected override render(): JSX.Element {
    return (
      <ServicesContext.Provider value={this.services}>
        <Panel />
      </ServicesContext.Provider>
    );
  }
}
