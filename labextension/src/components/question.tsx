// A question of the model: choose an option, or answer in your own words.
import * as React from 'react';

import { failureText } from '../model/failures';
import type { SessionModel } from '../model/session';
import type { QuestionStart } from '../protocol/types';
import { Markdown } from './markdown';
import { useRequest } from './request';
import { useServices } from './services';

export function Question(props: { session: SessionModel; question: QuestionStart }): JSX.Element {
  const { session, question } = props;
  const { trans } = useServices();
  const id = React.useId();
  const [text, setText] = React.useState('');
  const [problem, setProblem] = React.useState('');
  const answer = async (given: string | null): Promise<void> => {
    try {
      await session.answer(question.question_id, given);
    } catch (error) {
      setProblem(failureText(error, trans));
    }
  };
  const attributes = useRequest(() => void answer(null));
  return (
    <div {...attributes} className="jp-Agent-question" aria-labelledby={id}>
      <div id={id}>
        <Markdown text={question.question} streaming={false} />
      </div>
      <div className="jp-Agent-answers">
        {question.options.map(option => (
          <button
            key={option}
            type="button"
            className="jp-Agent-button"
            onClick={() => void answer(option)}
          >
            {plainWords(option)}
          </button>
        ))}
      </div>
      <form
        className="jp-Agent-answers"
        onSubmit={event => {
          event.preventDefault();
          if (text.trim()) {
            void answer(text.trim());
          }
        }}
      >
        <input
          className="jp-Agent-input"
          value={text}
          aria-label={trans.__('Your answer')}
          placeholder={trans.__('Your answer')}
          onChange={event => setText(event.target.value)}
        />
        <button type="submit" className="jp-Agent-button jp-mod-accept" disabled={!text.trim()}>
          {trans.__('Answer')}
        </button>
        <button type="button" className="jp-Agent-button" onClick={() => void answer(null)}>
          {trans.__('Decline')} <kbd>Esc</kbd>
        </button>
      </form>
      {problem && (
        <p className="jp-Agent-warning" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

/** An option without the marks of Markdown, which a button does not render. */
function plainWords(option: string): string {
  return option.replace(/(\*\*|__|`)(.+?)\1/g, '$2');
}
