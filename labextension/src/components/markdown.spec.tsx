// Formulas that stay dollars after a reload, and a picture of a model that is fetched.
import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, render, waitFor } from '@testing-library/react';
import { marked } from 'marked';
import * as React from 'react';
import { afterEach, describe, expect, it } from 'vitest';

import { Markdown } from './markdown';
import type { PanelServices } from './services';
import { ServicesContext } from './services';

afterEach(cleanup);

/** Sets formulas as MathJax does: late, the first time. */
const typesetter = {
  typeset: async (element: HTMLElement): Promise<void> => {
    await new Promise(resolve => setTimeout(resolve, 20));
    element.innerHTML = element.innerHTML.replace(
      /\$([^$]+)\$/g,
      '<mjx-container style="background:url(https://evil.example)">$1</mjx-container>'
    );
  }
};

function servicesWith(): PanelServices {
  return {
    trans: nullTranslator.load('jupyter_agent'),
    rendermime: new RenderMimeRegistry({
      initialFactories: standardRendererFactories,
      latexTypesetter: typesetter,
      markdownParser: { render: async (source: string) => marked.parse(source) }
    }),
    highlight: null
  } as unknown as PanelServices;
}

function show(text: string, streaming = false): HTMLElement {
  return render(
    <ServicesContext.Provider value={servicesWith()}>
      <Markdown text={text} streaming={streaming} />
    </ServicesContext.Provider>
  ).container;
}

it('waits for formulas, and takes from them what could load', async () => {
  const shown = show('See $x^2$ here.');
  await waitFor(() => expect(shown.querySelector('mjx-container')?.textContent).toBe('x^2'));
  expect(shown.innerHTML).not.toContain('evil.example');
});

it('takes macros that carry styles and links for words', async () => {
  const shown = show('$\\style{background:url(x)}{y}$ and $\\href{javascript:z}{q}$');
  await waitFor(() => expect(shown.querySelectorAll('mjx-container')).toHaveLength(2));
  expect(shown.textContent).toContain('\\backslash style');
  expect(shown.textContent).toContain('\\backslash href');
});

it('changes nothing outside formulas', async () => {
  const path = 'C:\\data\\x.csv';
  const shown = show(`- $y$ is at ${path}\n\n- says \`\\def $x$\`\n\n- ${path} costs $5`);
  await waitFor(() => expect(shown.querySelector('mjx-container')).not.toBeNull());
  expect(shown.textContent).not.toContain('backslash');
  expect(shown.querySelectorAll('li')[2]?.textContent?.trim()).toBe(`${path} costs $5`);
  expect(shown.querySelector('code')?.textContent).toContain('\\def');
});

it('finds the formulas that only show once the text is rendered', async () => {
  const shown = show('&#36;&#92;href{javascript:z}{q}&#36; and $x$, $a\n\\style{b}{c}$');
  await waitFor(() => expect(shown.textContent).toContain('\\backslash href'));
  expect(shown.textContent).toContain('\\backslash style');
});

it('turns pictures into links, and diagrams into their text', async () => {
  const shown = show('> ![c](https://evil.example/c.png)\n\n- x\n\n  ```mermaid\n  a\n  ```');
  await waitFor(() => expect(shown.querySelector('a')?.textContent).toContain('evil.example'));
  expect(shown.querySelector('img')).toBeNull();
  await waitFor(() => expect(shown.querySelector('pre code')).not.toBeNull());
  expect(shown.querySelector('pre code')?.className).toBe('language-text');
});

it('shows words before they are rendered', () => {
  expect(show('Some *words*', true).textContent).toBe('Some *words*');
});

describe('a table that grows', () => {
  const SLOWLY = { timeout: 20_000 };
  const row = (number: number): string => `| **a${number}** | ${number} |`;
  const table = (rows: number): string =>
    ['| name | n |', '|---|--:|', ...Array.from({ length: rows }, (_, at) => row(at))].join('\n');

  it(
    'has every row once, and those that are there stay the same elements',
    { timeout: 45_000 },
    async () => {
      const services = servicesWith();
      const view = (text: string, streaming: boolean): JSX.Element => (
        <ServicesContext.Provider value={services}>
          <Markdown text={text} streaming={streaming} />
        </ServicesContext.Provider>
      );
      const { container, rerender } = render(view(`${table(90)}\n| **a9`, true));
      const rows = (): HTMLTableRowElement[] => [...container.querySelectorAll('tr')];
      await waitFor(() => expect(rows()).toHaveLength(92), SLOWLY);
      const [, first] = rows();
      rerender(view(table(130), false));
      await waitFor(() => expect(rows()).toHaveLength(131), SLOWLY);
      expect(rows().map(one => one.lastElementChild?.textContent?.trim())).toEqual([
        'n',
        ...Array.from({ length: 130 }, (_, at) => String(at))
      ]);
      expect(rows()[1]).toBe(first);
      expect(container.querySelectorAll('table')).toHaveLength(1);
      expect(container.querySelectorAll('td strong')).toHaveLength(130);
    }
  );

  it('keeps its rows when words follow it, and where a row begins without a line', async () => {
    const services = servicesWith();
    const view = (text: string): JSX.Element => (
      <ServicesContext.Provider value={services}>
        <Markdown text={text} streaming={true} />
      </ServicesContext.Provider>
    );
    const { container, rerender } = render(view(`Names:\n${table(3)}`));
    await waitFor(() => expect(container.querySelectorAll('tr')).toHaveLength(4), SLOWLY);
    const row = container.querySelector('tbody tr');
    rerender(view(`Names:\n${table(3)}\nb`));
    await waitFor(() => expect(container.querySelectorAll('tr')).toHaveLength(5), SLOWLY);
    rerender(view(`Names:\n${table(3)}\nb | 1\n\nT`));
    await waitFor(() => expect(container.textContent).toMatch(/T$/), SLOWLY);
    await waitFor(() => expect(container.querySelectorAll('td')).toHaveLength(8), SLOWLY);
    expect(container.querySelector('tbody tr')).toBe(row);
  });

  it('is checked row by row', { timeout: 45_000 }, async () => {
    const shown = show(
      `${table(50)}\n| <img src=x onerror=alert(1)> | ![c](https://evil.example/c.png) |`
    );
    await waitFor(() => expect(shown.querySelectorAll('tr')).toHaveLength(52), SLOWLY);
    expect(shown.querySelector('img')).toBeNull();
    expect(shown.innerHTML).not.toContain('onerror');
  });
});
