// How much the agent may do by itself, and how hard the model thinks.
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Effort, Mode } from '../protocol/types';
import { useServices } from './services';

/** Each mode's name, and what it means. */
export function modeWords(trans: TranslationBundle): Record<Mode, [string, string]> {
  return {
    plan: [trans.__('Plan'), trans.__('Reads only: nothing is changed or run')],
    ask: [trans.__('Ask'), trans.__('Asks before it changes or runs anything')],
    edits: [trans.__('Edits'), trans.__('Edits the notebook; asks before it runs anything')],
    auto: [trans.__('Auto'), trans.__('Edits and runs without asking')]
  };
}

export function ModePicker(): JSX.Element {
  const { model, trans, complain } = useServices();
  const words = modeWords(trans);
  const { mode } = model.choice;
  const modes = model.status?.modes ?? (['plan', 'ask', 'edits', 'auto'] as const);
  return (
    <span className="jp-Agent-modePicker">
      <select
        className="jp-Agent-select"
        value={mode}
        title={words[mode][1]}
        aria-label={trans.__('Mode')}
        onChange={event => void model.choose({ mode: event.target.value as Mode }).catch(complain)}
      >
        {modes.map(one => (
          <option key={one} value={one} title={words[one][1]}>
            {words[one][0]}
          </option>
        ))}
      </select>
    </span>
  );
}

/** Only where the model has levels to choose from. */
export function EffortPicker(): JSX.Element | null {
  const { model, trans, complain } = useServices();
  const levels = model.model?.capabilities.effort_levels ?? [];
  if (levels.length === 0) {
    return null;
  }
  const words: Record<Effort, string> = {
    xhigh: trans.__('Effort: highest'),
    high: trans.__('Effort: high'),
    medium: trans.__('Effort: medium'),
    low: trans.__('Effort: low'),
    minimal: trans.__('Effort: minimal'),
    none: trans.__('Effort: none')
  };
  const { effort } = model.choice;
  return (
    <span className="jp-Agent-effortPicker">
      <select
        className="jp-Agent-select"
        value={effort ?? ''}
        aria-label={trans.__('Effort')}
        onChange={event =>
          void model.choose({ effort: event.target.value as Effort }).catch(complain)
        }
      >
        {effort === null && <option value="">{trans.__('Effort')}</option>}
        {levels.map(level => (
          <option key={level} value={level}>
            {words[level]}
          </option>
        ))}
      </select>
    </span>
  );
}
