// The failures of `client/` and `notebook/` that a person can be told of, for those who must not know
// these, and the words for those that have their origin in this tab. The server's come as sentences.
import type { TranslationBundle } from '@jupyterlab/translation';

import { ApiError } from '../client/rest';
import { RequestFailed, RpcFailure } from '../client/socket';

export { ApiError } from '../client/rest';
export { RequestFailed } from '../client/socket';

/** What to tell a person of something that went wrong. */
export function failureText(error: unknown, trans: TranslationBundle): string {
  return ownWords(error, trans) ?? (error instanceof Error ? error.message : String(error));
}

function ownWords(error: unknown, trans: TranslationBundle): string | null {
  if (error instanceof ApiError && error.code === 'bad_answer') {
    return trans.__('The server did not answer in JSON.');
  }
  if (error instanceof RequestFailed && error.info.code === 'disconnected') {
    return trans.__('The connection was lost before the answer came. Try again.');
  }
  if (error instanceof RpcFailure) {
    const { code, details } = error.info;
    switch (code) {
      case 'UNKNOWN_CELL':
        return trans.__('There is no such cell in the notebook any more.');
      case 'NOTEBOOK_MISSING':
        return trans.__('%1 is not open in this tab.', String(details?.path ?? ''));
    }
  }
  return null;
}
