// Sentences of the server in which a name to be typed stands between backticks.
import * as React from 'react';

/** Show what stands between backticks as code. */
export function withCode(text: string): React.ReactNode[] {
  return text.split('`').map((part, at) => (at % 2 ? <code key={at}>{part}</code> : part));
}
