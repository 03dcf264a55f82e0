// What components need beyond their props, handed down by one React context.
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { AgentModel } from '../model/agent';
import type { DemoModel } from '../model/demo';
import type { Draft } from '../model/draft';
import type { MentionSources } from '../model/mentions';
import type { CellRef, Mention } from '../protocol/types';
import type { IToolCards } from '../tokens';

/** What the panel can do to the notebook in front. */
export interface NotebookActions {
  /** Show a cell a tool touched. */
  reveal(cell: CellRef): void;
  /** Insert code as a new cell below the active one. */
  insertBelow(code: string): void;
  /** Replace the active cell's source. */
  replaceActive(code: string): void;
  /** Restart the kernel of a notebook, once the person has confirmed it. */
  restartKernel(path: string): void;
  /** A prompt about the active cell, null when there is none. */
  promptAbout(verb: 'fix' | 'explain'): CellPrompt | null;
}

/** A prompt about a cell, and the notebook whose session it is for. */
export interface CellPrompt {
  readonly text: string;
  readonly notebook: string;
  readonly mentions: readonly Mention[];
}

export interface PanelServices {
  readonly model: AgentModel;
  readonly demo: DemoModel;
  readonly trans: TranslationBundle;
  readonly rendermime: IRenderMimeRegistry;
  /** Highlight code as spans into an element. */
  readonly highlight: ((code: string, language: string, host: HTMLElement) => Promise<void>) | null;
  readonly cards: IToolCards;
  readonly notebook: NotebookActions;
  /** What is being written. */
  readonly draft: Draft;
  /** What can be mentioned in it. */
  readonly mentions: MentionSources;
  /** Save a text as a file on the person's machine. */
  download(name: string, text: string): void;
  /** Tell the person that something went wrong. */
  complain(error: unknown): void;
}

export const ServicesContext = React.createContext<PanelServices | null>(null);

export function useServices(): PanelServices {
  const services = React.useContext(ServicesContext);
  if (services === null) {
    throw new Error('This component needs a ServicesContext.');
  }
  return services;
}
