// Sentences that this tab makes itself come in the person's language, the server's as they are.
import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import { ApiError } from '../client/rest';
import { RequestFailed } from '../client/socket';
import { notebookMissing, unknownCell } from '../notebook/failures';
import { failureText } from './failures';

const trans = nullTranslator.load('jupyter_agent');
// As a language would: the words are others, the places stay.
const shouting = { ...trans, __: (text: string, ...args: unknown[]) => `!${text} ${args.join()}` };

it.each([
  [new ApiError('raw', 200, 'bad_answer'), '!The server did not answer in JSON. '],
  [
    new RequestFailed({ code: 'disconnected', message: 'raw', retryable: true }),
    '!The connection was lost before the answer came. Try again. '
  ],
  [unknownCell('c'), '!There is no such cell in the notebook any more. '],
  [notebookMissing('a.ipynb'), '!%1 is not open in this tab. a.ipynb'],
  [new ApiError('The key is wrong.', 401, 'unauthorized'), 'The key is wrong.'],
  [new RequestFailed({ code: 'x', message: 'No.', retryable: false }), 'No.'],
  ['words', 'words']
])('%s', (error, words) => {
  expect(failureText(error, shouting as typeof trans)).toBe(words);
});
