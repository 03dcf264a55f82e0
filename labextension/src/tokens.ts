// Lumino tokens by which other extensions take part.
import type { LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import type { ComponentType } from 'react';

import type { AgentModel } from './model/agent';
import type { DemoModel } from './model/demo';
import type { CellFollower } from './notebook/follow';
import type { JsonValue, ToolState } from './protocol/types';

/** What a card's own body is given. */
export interface ToolCardProps {
  readonly tool: ToolState;
  readonly arguments: Readonly<Record<string, JsonValue>> | null;
}

/** How calls of one tool look in the transcript. */
export interface ToolCard {
  /** Drawn before the title, behind how the call stands. */
  readonly icon?: LabIcon;
  /** What the tool does, until the server says it better. */
  label?(trans: TranslationBundle): string;
  /** Shown without expanding, below the title. */
  readonly body?: ComponentType<ToolCardProps>;
}

/** A registry of tool cards, by tool name. */
export interface IToolCards {
  add(toolName: string, card: ToolCard): void;
  get(toolName: string): ToolCard | undefined;
}

export const IToolCards = new Token<IToolCards>(
  'jupyter-agent:IToolCards',
  'Cards by which the agent’s panel shows calls of a tool.'
);

/** The agent of this tab: sessions, models, connection. */
export const IAgent = new Token<AgentModel>(
  'jupyter-agent:IAgent',
  'The agent: its sessions, models and connection.'
);

/** The demo: made and played, and undone. */
export const IAgentDemo = new Token<DemoModel>(
  'jupyter-agent:IAgentDemo',
  'The demo: makes and plays it, and undoes it.'
);

/** Keeps the cell the agent works on in view, or does not. */
export const IFollowing = new Token<CellFollower>(
  'jupyter-agent:IFollowing',
  'Keeps the cell the agent works on in view, as long as the person wants that.'
);

/** The side panel. */
export interface IAgentPanel {
  /** Show it. */
  open(): void;
  /** Show it, or close the side bar that it is in. */
  toggle(): void;
  /** Show it, with the cursor in the composer. */
  focus(): void;
  /** Mention cells of the notebook in front in what is being written, and show it. */
  mention(cellIds: readonly string[]): void;
}

export const IAgentPanel = new Token<IAgentPanel>(
  'jupyter-agent:IAgentPanel',
  'The side panel in which one talks to the agent.'
);
