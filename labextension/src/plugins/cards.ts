// The registry of tool cards, for other extensions to add to.
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { builtinCards } from '../components/cards';
import { IToolCards } from '../tokens';

export const cardsPlugin: JupyterFrontEndPlugin<IToolCards> = {
  id: 'jupyter-agent:cards',
  description: 'Cards by which the panel shows the calls of tools.',
  autoStart: true,
  provides: IToolCards,
  activate: () => builtinCards()
};
