// What the composer offers at the cursor, with the lists that come from the server.
import * as React from 'react';

import type { Draft } from '../model/draft';
import { failureText } from '../model/failures';
import type { Found, Offer, TypedToken } from '../model/offers';
import { commandOffers, mentionOffers, modeOffers, modelOffers } from '../model/offers';
import { splitQuery, tokenAt } from '../model/offers';
import type { VariableList } from '../protocol/types';
import { searchModels } from './model-search';
import { modeWords } from './pickers';
import { commandsNow } from './run-command';
import { useServices } from './services';

/** Milliseconds of rest before files are looked for. */
const PAUSE = 120;

export interface Offered {
  readonly token: TypedToken | null;
  readonly offers: readonly Offer[];
  readonly remark: string | null;
}

const NOTHING: Offered = { token: null, offers: [], remark: null };

export function useOffers(draft: Draft, caret: number | null): Offered {
  const services = useServices();
  const { model, trans, mentions } = services;
  const token = caret === null ? null : tokenAt(draft.text, caret);
  const found = useFound(token);
  if (token === null) {
    return NOTHING;
  }
  switch (token.kind) {
    case 'command':
      return { token, offers: commandOffers(token.query, commandsNow(services)), remark: null };
    case 'model':
      return { token, offers: modelOffers(searchModels(model.models, token.query)), remark: null };
    case 'mode': {
      const modes = model.status?.modes ?? [];
      return { token, offers: modeOffers(token.query, modes, modeWords(trans)), remark: null };
    }
    default: {
      const known = draft.mentions.some(one => one.label === `@${token.query}`);
      if (known) {
        return NOTHING;
      }
      const offers = mentionOffers(token.query, mentions, found, trans);
      const { kind } = splitQuery(token.query);
      const problem = found.problem ?? found.variables?.problem ?? null;
      const about = kind === 'variable' || (kind === 'file' && found.problem !== null);
      const waits = kind === 'variable' && found.variables === null && problem === null;
      const none = kind !== null && offers.length === 0 ? trans.__('Nothing matches.') : null;
      return {
        token,
        offers,
        remark: waits ? trans.__('Asking the kernel…') : about && problem ? problem : none
      };
    }
  }
}

type Looked = Found & { readonly problem: string | null };

/** Variables are asked for once each time the list opens, files at each rest of the typing. */
function useFound(token: TypedToken | null): Looked {
  const { mentions, trans } = useServices();
  const [variables, setVariables] = React.useState<VariableList | null>(null);
  const [files, setFiles] = React.useState<readonly string[]>([]);
  const [problem, setProblem] = React.useState<string | null>(null);
  const open = token?.kind === 'mention';
  const { notebook } = mentions;
  React.useEffect(() => {
    let wanted = open && notebook !== null;
    if (wanted) {
      mentions.variables().then(
        list => wanted && setVariables(list),
        (error: unknown) => wanted && setProblem(failureText(error, trans))
      );
    }
    return () => {
      wanted = false;
      setVariables(null);
      setProblem(null);
    };
  }, [open, notebook, mentions, trans]);
  const query = open ? fileQuery(token.query) : null;
  React.useEffect(() => {
    if (query === null) {
      return undefined;
    }
    let wanted = true;
    const timer = setTimeout(() => {
      mentions.files(query).then(
        list => wanted && setFiles(list.files),
        (error: unknown) => wanted && setProblem(failureText(error, trans))
      );
    }, PAUSE);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [query, mentions, trans]);
  return { variables, files: query === null ? [] : files, problem };
}

/** What to look for among the files; without `@file:` only words of two letters or more. */
function fileQuery(query: string): string | null {
  const { kind, rest } = splitQuery(query);
  if (kind === 'file') {
    return rest;
  }
  return kind === null && rest.length >= 2 ? rest : null;
}
