// The list above the composer: what is offered at the cursor, chosen by keyboard or mouse.
import * as React from 'react';

import type { Offer } from '../model/offers';
import { VisibleText } from './code-text';
import { useServices } from './services';

export function Completions(props: {
  id: string;
  offers: readonly Offer[];
  marked: number;
  /** What there is to say besides: why something is missing. */
  remark: string | null;
  choose: (offer: Offer) => void;
}): JSX.Element {
  const { id, offers, marked, remark, choose } = props;
  const { trans } = useServices();
  const list = React.useRef<HTMLUListElement>(null);
  React.useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [marked]);
  return (
    <div className="jp-Agent-popover jp-Agent-completions">
      {offers.length > 0 && (
        <ul
          ref={list}
          id={id}
          role="listbox"
          className="jp-Agent-modelList"
          aria-label={trans.__('Suggestions')}
        >
          {offers.map((offer, at) => (
            <li
              key={offer.key}
              id={`${id}-${at}`}
              role="option"
              aria-selected={at === marked}
              data-offer={offer.label}
              // The cursor stays in the text.
              onMouseDown={event => event.preventDefault()}
              onClick={() => choose(offer)}
            >
              <span className="jp-Agent-offerLabel">
                <VisibleText text={offer.label} />
              </span>
              <span className="jp-Agent-dim jp-Agent-offerDetail">
                <VisibleText text={offer.detail} />
              </span>
            </li>
          ))}
        </ul>
      )}
      <div className="jp-Agent-listState" role="status">
        {remark !== null && <span className="jp-Agent-dim">{remark}</span>}
      </div>
    </div>
  );
}
