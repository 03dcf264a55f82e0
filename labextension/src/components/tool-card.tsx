// One tool call: what it does to which cell, how it stands, and, expanded, everything about it.
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import {
  caretDownIcon,
  caretRightIcon,
  checkIcon,
  closeIcon,
  ellipsesIcon,
  errorIcon,
  infoIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';

import type {
  CellRef,
  ImagePart,
  ResultContent,
  ToolCallPart,
  ToolState,
  ToolStatus
} from '../protocol/types';
import { ExactText, VisibleText } from './code-text';
import { busyIcon } from './icons';
import { seconds } from './numbers';
import { Preview } from './preview';
import { useServices } from './services';
import { cellLabel, shownTitle, statusWord, titleParts, unnamedCells } from './tool-title';

const ICONS: Record<ToolStatus, LabIcon> = {
  waiting: ellipsesIcon,
  approval: infoIcon,
  running: busyIcon,
  ok: checkIcon,
  error: errorIcon,
  denied: closeIcon,
  interrupted: stopIcon
};
const MOST_CELLS = 6;

export const ToolCardView = React.memo(function ToolCardView(props: {
  call: ToolCallPart;
  tool: ToolState;
}): JSX.Element {
  const { call, tool } = props;
  const { cards, trans } = useServices();
  const [open, setOpen] = React.useState(false);
  const id = React.useId();
  const card = cards.get(tool.tool_name);
  const word = statusWord(tool.status, trans);
  const StatusIcon = ICONS[tool.status];
  const Caret = open ? caretDownIcon : caretRightIcon;
  const images = imagesOf(tool);
  return (
    <div className="jp-Agent-toolCard" data-tool={tool.tool_name} data-status={tool.status}>
      <div className="jp-Agent-toolHead">
        <span className="jp-Agent-toolStatus" role="img" aria-label={word} title={word}>
          <StatusIcon.react tag="span" elementSize="normal" />
        </span>
        {card?.icon && (
          <card.icon.react tag="span" className="jp-Agent-toolIcon" elementSize="normal" />
        )}
        <ToolTitle tool={tool} fallback={card?.label?.(trans)} />
        <button
          type="button"
          className="jp-Agent-iconButton jp-Agent-expand"
          aria-expanded={open}
          aria-controls={id}
          aria-label={open ? trans.__('Hide details') : trans.__('Show details')}
          onClick={() => setOpen(!open)}
        >
          <Caret.react tag="span" elementSize="normal" />
        </button>
      </div>
      {tool.status === 'running' && tool.text && (
        <div className="jp-Agent-toolLive">
          <VisibleText text={tool.text} />
        </div>
      )}
      {card?.body && <card.body tool={tool} arguments={call.arguments ?? null} />}
      {images.map((image, at) => (
        <ToolImage key={at} image={image} />
      ))}
      <div id={id} className="jp-Agent-toolDetails" hidden={!open}>
        {open && <ToolDetails call={call} tool={tool} />}
      </div>
    </div>
  );
});

function ToolTitle({ tool, fallback }: { tool: ToolState; fallback?: string }): JSX.Element {
  const { trans } = useServices();
  const title = shownTitle(tool, fallback);
  const others = unnamedCells(title, tool.cells);
  const stopped = tool.status === 'interrupted';
  const word = stopped
    ? stoppedWords(tool, trans)
    : tool.status === 'denied'
      ? statusWord(tool.status, trans)
      : null;
  return (
    <span className="jp-Agent-toolTitle">
      {titleParts(title, tool.cells).map((part, at) =>
        part.cell ? (
          <CellLink key={at} cell={part.cell} label={part.text} />
        ) : (
          <VisibleText key={at} text={part.text} />
        )
      )}
      {others.slice(0, MOST_CELLS).map((cell, at) => (
        <React.Fragment key={cell.cell_id}>
          {at === 0 ? ' · ' : ' '}
          <span className="jp-Agent-unbroken">
            <CellLink cell={cell} label={cellLabel(cell, trans)} />
            {at + 1 < Math.min(others.length, MOST_CELLS) && ','}
          </span>
        </React.Fragment>
      ))}
      {others.length > MOST_CELLS && <span>{` +${others.length - MOST_CELLS}`}</span>}
      {word && <span className="jp-Agent-toolSummary">{` · ${word}`}</span>}
      {tool.summary && !stopped && (
        <span className="jp-Agent-toolSummary">
          {' · '}
          <VisibleText text={tool.summary} />
        </span>
      )}
    </span>
  );
}

function stoppedWords({ duration }: ToolState, trans: TranslationBundle): string {
  return duration == null
    ? trans.__('Stopped')
    : trans.__('Stopped after %1', seconds(duration, trans));
}

function CellLink({ cell, label }: { cell: CellRef; label: string }): JSX.Element {
  const { notebook, trans } = useServices();
  return (
    <button
      type="button"
      className="jp-Agent-cellLink"
      title={trans.__('Show the cell')}
      onClick={() => notebook.reveal(cell)}
    >
      {label}
    </button>
  );
}

function ToolDetails({ call, tool }: { call: ToolCallPart; tool: ToolState }): JSX.Element {
  const { trans } = useServices();
  const output = tool.result?.content ?? [];
  const text = output.map(part => (part.type === 'text' ? part.text : '')).join('');
  const given = call.arguments ? JSON.stringify(call.arguments, null, 2) : call.arguments_raw;
  return (
    <>
      <Preview blocks={tool.preview} whole={false} />
      <details>
        <summary>{trans.__('Arguments of %1', tool.tool_name)}</summary>
        <ExactText text={given} />
        {call.parse_error && <p className="jp-Agent-warning">{call.parse_error}</p>}
      </details>
      {text && (
        <details>
          <summary>{trans.__('What the model was told')}</summary>
          <ExactText text={text} />
        </details>
      )}
    </>
  );
}

// Of these, none can load or run anything.
const PICTURES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

function imagesOf(tool: ToolState): ImagePart[] {
  const content: readonly ResultContent[] = tool.result?.content ?? [];
  return content.filter((part): part is ImagePart => part.type === 'image');
}

/** A picture that came as data; a picture elsewhere is never fetched. */
export function ToolImage({ image }: { image: ImagePart }): JSX.Element | null {
  const { trans } = useServices();
  if (!image.data || !PICTURES.has(image.media_type)) {
    return null;
  }
  return (
    <img
      className="jp-Agent-image"
      alt={trans.__('Picture')}
      src={`data:${image.media_type};base64,${image.data}`}
    />
  );
}
