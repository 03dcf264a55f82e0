// The side-bar widget that holds the panel.
import type { Cell } from '@jupyterlab/cells';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { Panel } from '../components/panel';
import type { PanelServices } from '../components/services';
import { ServicesContext } from '../components/services';
import { unseen } from '../model/attention';
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
    services.model.changed.connect(this.markTitle, this);
    services.model.view.changed.connect(this.markTitle, this);
  }

  /** Put the cursor into the composer, whatever the panel shows. */
  focusComposer(): void {
    this.services.model.view.show('chat');
    // The side bar shows the panel in the next turn, and the panel the composer.
    requestAnimationFrame(() =>
      this.node.querySelector<HTMLTextAreaElement>('.jp-Agent-composer textarea')?.focus()
    );
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
    this.services.model.view.visible = this.isVisible;
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.services.model.view.visible = true;
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.services.model.view.visible = false;
  }

  protected override onBeforeDetach(message: Message): void {
    DRAGS.forEach(type => this.node.removeEventListener(type, this));
    this.services.model.view.visible = false;
    super.onBeforeDetach(message);
  }

  /** Show at the icon in the side bar that the agent waits for the person. */
  private markTitle(): void {
    const { model, trans } = this.services;
    const waiting = unseen(model).length;
    this.title.className = waiting > 0 ? 'jp-Agent-waitingTab' : '';
    this.title.caption =
      waiting > 0
        ? trans._n('Agent: %1 session waits for you', 'Agent: %1 sessions wait for you', waiting)
        : trans.__('Agent');
  }

  protected override render(): JSX.Element {
    return (
      <ServicesContext.Provider value={this.services}>
        <Panel />
      </ServicesContext.Provider>
    );
  }
}
