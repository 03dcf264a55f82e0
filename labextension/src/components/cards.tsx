// The registry of tool cards, with those of the built-in tools.
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { JsonValue } from '../protocol/types';
import type { IToolCards, ToolCard, ToolCardProps } from '../tokens';
import { useServices } from './services';

export class ToolCards implements IToolCards {
  add(toolName: string, card: ToolCard): void {
    if (this.cards.has(toolName)) {
      throw new Error(`There is a card for ${toolName} already.`);
    }
    this.cards.set(toolName, card);
  }

  get(toolName: string): ToolCard | undefined {
    return this.cards.get(toolName);
  }

  private readonly cards = new Map<string, ToolCard>();
}

type Words = (trans: TranslationBundle) => string;

const LABELS: Readonly<Record<string, Words>> = {
  notebook_overview: trans => trans.__('Looking at the notebook'),
  read_cells: trans => trans.__('Reading cells'),
  edit_cells: trans => trans.__('Editing cells'),
  run_cells: trans => trans.__('Running cells'),
  run_status: trans => trans.__('Waiting for the run'),
  run_code: trans => trans.__('Running code'),
  inspect_variables: trans => trans.__('Looking at variables'),
  kernel: trans => trans.__('Working on the kernel'),
  verify_notebook: trans => trans.__('Checking that the notebook runs from the top'),
  list_files: trans => trans.__('Listing files'),
  read_file: trans => trans.__('Reading a file'),
  search_files: trans => trans.__('Searching files'),
  write_file: trans => trans.__('Writing a file'),
  create_notebook: trans => trans.__('Creating a notebook'),
  ask_user: trans => trans.__('Asking you'),
  update_plan: trans => trans.__('Plan'),
  checkpoint: trans => trans.__('Checkpoints')
};

/** A registry that knows the built-in tools. */
export function builtinCards(): ToolCards {
  const cards = new ToolCards();
  for (const [name, label] of Object.entries(LABELS)) {
    cards.add(name, name === 'update_plan' ? { label, body: PlanBody } : { label });
  }
  return cards;
}

const MARKS: Readonly<Record<string, string>> = {
  done: '☑',
  completed: '☑',
  in_progress: '◐',
  active: '◐',
  skipped: '⊘'
};

function planWord(status: string, trans: TranslationBundle): string {
  switch (status) {
    case 'done':
    case 'completed':
      return trans.__('Done');
    case 'in_progress':
    case 'active':
      return trans.__('Under way');
    case 'skipped':
      return trans.__('Skipped');
    default:
      return trans.__('To do');
  }
}

/** The plan, item by item, as the model wrote it last. */
function PlanBody(props: ToolCardProps): JSX.Element | null {
  const { trans } = useServices();
  const items = props.arguments?.items;
  if (!Array.isArray(items)) {
    return null;
  }
  return (
    <ul className="jp-Agent-plan">
      {(items as readonly JsonValue[]).map((item, at) => {
        const { text, status } = planItem(item);
        return (
          <li key={at} data-status={status}>
            <span role="img" aria-label={planWord(status, trans)}>
              {MARKS[status] ?? '☐'}
            </span>{' '}
            {text}
          </li>
        );
      })}
    </ul>
  );
}

function planItem(item: JsonValue): { text: string; status: string } {
  if (typeof item !== 'object' || item === null) {
    return { text: String(item), status: 'open' };
  }
  const { text, title, step, content, status } = item as Record<string, JsonValue>;
  return {
    text: String(text ?? title ?? step ?? content ?? ''),
    status: String(status ?? 'open')
  };
}
