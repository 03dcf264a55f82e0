// Commands, for the palette, the keyboard and the cell's context menu.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { AgentModel } from '../model/agent';
import { failureText } from '../model/failures';
import { IAgent, IAgentPanel } from '../tokens';
import { agentIcon } from '../widgets/icon';
import type { CellPlace } from './cell-prompts';
import { aboutCell, findCell } from './cell-prompts';

export const CommandIds = {
  openPanel: 'jupyter-agent:open-panel',
  togglePanel: 'jupyter-agent:toggle-panel',
  focusComposer: 'jupyter-agent:focus-composer',
  newSession: 'jupyter-agent:new-session',
  stop: 'jupyter-agent:stop',
  fixCell: 'jupyter-agent:fix-cell',
  explainCell: 'jupyter-agent:explain-cell',
  mentionCell: 'jupyter-agent:mention-cell'
};

export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-agent:commands',
  description: 'Commands of the agent.',
  autoStart: true,
  requires: [IAgent, IAgentPanel, INotebookTracker],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: AgentModel,
    panel: IAgentPanel,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const { commands } = app;
    const trans = (translator ?? nullTranslator).load('jupyter_agent');
    const describedBy = { args: { type: 'object', properties: {} } } as const;
    const describedByCell = {
      args: {
        type: 'object',
        properties: {
          clicked: {
            type: 'boolean',
            description: trans.__('The cell that was clicked, not the active one')
          },
          cellId: { type: 'string', description: trans.__('The cell with this id') },
          path: { type: 'string', description: trans.__('The notebook the cell is in') }
        }
      }
    } as const;
    const cellOf = (args: ReadonlyPartialJSONObject): CellPlace | null => {
      const { cellId: id, path } = args as { cellId?: string; path?: string };
      const node = args.clicked
        ? app.contextMenuHitTest(element => element.classList.contains('jp-Cell'))
        : undefined;
      return findCell(tracker, { node, id, path });
    };
    const complain = (error: unknown): void => void Notification.error(failureText(error, trans));
    const ask =
      (verb: 'fix' | 'explain') =>
      (args: ReadonlyPartialJSONObject): void => {
        const place = cellOf(args);
        if (place) {
          const { text, notebook, mentions } = aboutCell(verb, place, trans);
          model.turnTo(notebook);
          model.view.show('chat');
          panel.open();
          model.prompt(text, [], 'steer', { mentions }).catch(complain);
        }
      };
    const hasCell = (): boolean => tracker.activeCell !== null;

    commands.addCommand(CommandIds.openPanel, {
      label: trans.__('Open the Agent Panel'),
      icon: agentIcon,
      describedBy,
      execute: () => panel.open()
    });
    commands.addCommand(CommandIds.togglePanel, {
      // In a toolbar its icon says enough.
      label: args => (args.toolbar ? '' : trans.__('Agent Panel')),
      caption: trans.__('Show or hide the agent panel'),
      icon: args => (args.toolbar ? agentIcon : undefined),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            toolbar: { type: 'boolean', description: trans.__('Whether it is shown in a toolbar') }
          }
        }
      },
      isToggled: () => model.view.visible,
      execute: () => panel.toggle()
    });
    commands.addCommand(CommandIds.focusComposer, {
      label: trans.__('Ask the Agent'),
      describedBy,
      execute: () => panel.focus()
    });
    commands.addCommand(CommandIds.newSession, {
      label: trans.__('New Agent Session'),
      describedBy,
      execute: () => {
        model.startNew();
        panel.focus();
      }
    });
    commands.addCommand(CommandIds.stop, {
      label: trans.__('Stop the Agent'),
      describedBy,
      isEnabled: () => model.session?.transcript.running ?? false,
      execute: () => model.session?.stop().catch(complain)
    });
    commands.addCommand(CommandIds.fixCell, {
      label: trans.__('Fix with Agent'),
      icon: agentIcon,
      describedBy: describedByCell,
      isEnabled: hasCell,
      execute: ask('fix')
    });
    commands.addCommand(CommandIds.explainCell, {
      label: trans.__('Explain with Agent'),
      icon: agentIcon,
      describedBy: describedByCell,
      isEnabled: hasCell,
      execute: ask('explain')
    });
    commands.addCommand(CommandIds.mentionCell, {
      label: trans.__('Add to the Agent’s Prompt'),
      icon: agentIcon,
      describedBy: describedByCell,
      isEnabled: hasCell,
      execute: args => panel.mention([cellOf(args)?.cell.model.id ?? ''])
    });
    const category = trans.__('Agent');
    Object.values(CommandIds).forEach(command => palette?.addItem({ command, category }));
    model.changed.connect(() => commands.notifyCommandChanged(CommandIds.stop));
    model.view.changed.connect(() => commands.notifyCommandChanged(CommandIds.togglePanel));
  }
};
