// A block of code in an answer, with what one wants to do with it.
import type { LabIcon } from '@jupyterlab/ui-components';
import { addBelowIcon, checkIcon, copyIcon, pasteIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { copyText } from './clipboard';
import { CodeLines, canColour } from './code-lines';
import { useServices } from './services';

export const CodeBlock = React.memo(function CodeBlock(props: {
  code: string;
  language: string;
  closed: boolean;
}): JSX.Element {
  const { code, language, closed } = props;
  const { trans, notebook } = useServices();
  return (
    <div className="jp-Agent-codeBlock">
      <div className="jp-Agent-codeBar">
        <span className="jp-Agent-codeLanguage">{language}</span>
        <CopyButton text={code} />
        <IconButton
          icon={addBelowIcon}
          label={trans.__('Insert as a cell below')}
          onClick={() => notebook.insertBelow(code)}
        />
        <IconButton
          icon={pasteIcon}
          label={trans.__('Replace the active cell')}
          onClick={() => notebook.replaceActive(code)}
        />
      </div>
      <HighlightedCode code={code} language={language} closed={closed} />
    </div>
  );
});

/** Code, highlighted once it does not grow any more. */
export function HighlightedCode(props: {
  code: string;
  language: string;
  closed: boolean;
}): JSX.Element {
  const { code, language, closed } = props;
  const { highlight } = useServices();
  const host = React.useRef<HTMLElement>(null);
  const lines = React.useRef<CodeLines | null>(null);
  React.useEffect(() => {
    if (!host.current) {
      return;
    }
    lines.current ??= new CodeLines(host.current);
    const target = lines.current;
    target.show(code);
    if (!closed || !language || !highlight || !canColour(code)) {
      return;
    }
    let wanted = true;
    const made = document.createElement('code');
    highlight(code, language, made).then(
      () => {
        // Only colours may come of it.
        if (wanted && made.textContent === code) {
          void target.paint(made);
        }
      },
      () => undefined
    );
    return () => {
      wanted = false;
    };
  }, [code, language, closed, highlight]);
  return (
    <pre className="jp-Agent-code" tabIndex={0}>
      <code ref={host} />
    </pre>
  );
}

/** Copy a text; says that it did. */
export function CopyButton({ text }: { text: string }): JSX.Element {
  const { trans, complain } = useServices();
  const [copied, setCopied] = React.useState(false);
  const copy = async (): Promise<void> => {
    try {
      await copyText(text);
    } catch {
      complain(
        new Error(trans.__('The browser does not let Jupyter copy. Select the text instead.'))
      );
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <IconButton
      icon={copied ? checkIcon : copyIcon}
      label={copied ? trans.__('Copied') : trans.__('Copy')}
      onClick={() => void copy()}
    />
  );
}

export function IconButton(props: {
  icon: LabIcon;
  label: string;
  onClick: () => void;
  className?: string;
  disabled?: boolean;
  expanded?: boolean;
}): JSX.Element {
  return (
    <button
      type="button"
      className={`jp-Agent-iconButton ${props.className ?? ''}`}
      title={props.label}
      aria-label={props.label}
      aria-expanded={props.expanded}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <props.icon.react tag="span" elementSize="normal" />
    </button>
  );
}
