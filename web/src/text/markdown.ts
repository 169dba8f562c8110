// Markdown as models write it -> blocks of HTML, to be sanitized.

import { Marked, type Token, type TokenizerAndRendererExtension } from 'marked';

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** TeX between its delimiters. A dollar before a blank, or behind which a digit stands, is money. */
const INLINE_MATH =
  /^(?:\\\((?<round>[^\n]+?)\\\)|\$\$(?<double>[^$\n]+)\$\$|\$(?<dollar>(?![\s$])(?:\\.|[^$\\\n])*?[^\s\\$])\$(?!\d))/;
const BLOCK_MATH =
  /^(?:\$\$\s*\n?(?<dollar>[\s\S]+?)\n?\s*\$\$|\\\[(?<square>[\s\S]+?)\\\]) *(?:\n|$)/;

function math(tex: string, display: boolean): string {
  return `<span class="math" data-display="${display ? 'block' : 'inline'}">${escaped(tex.trim())}</span>`;
}

const inlineMath: TokenizerAndRendererExtension = {
  name: 'inlineMath',
  level: 'inline',
  start: (text) => {
    const at = text.search(/\\\(|\$/);
    return at < 0 ? undefined : at;
  },
  tokenizer(text) {
    const found = INLINE_MATH.exec(text);
    const tex = found?.groups?.round ?? found?.groups?.double ?? found?.groups?.dollar;
    return found && tex ? { type: 'inlineMath', raw: found[0], tex } : undefined;
  },
  renderer: (token) => math(token.tex as string, false),
};

const blockMath: TokenizerAndRendererExtension = {
  name: 'blockMath',
  level: 'block',
  start: (text) => {
    const at = text.search(/^ {0,3}(?:\$\$|\\\[)/m);
    return at < 0 ? undefined : at;
  },
  tokenizer(text) {
    const found = BLOCK_MATH.exec(text);
    const tex = found?.groups?.dollar ?? found?.groups?.square;
    return found && tex ? { type: 'blockMath', raw: found[0], tex } : undefined;
  },
  renderer: (token) => `<p>${math(token.tex as string, true)}</p>`,
};

const marked = new Marked({
  gfm: true,
  async: false,
  extensions: [inlineMath, blockMath],
  renderer: {
    // HTML that a model writes is shown as it is written.
    html: ({ text }) => escaped(text),
    // Loading an image would tell its server what was said here.
    image({ href, text }) {
      return link(href, `image: ${escaped(text || href)}`);
    },
    link({ href, tokens }) {
      return link(href, this.parser.parseInline(tokens));
    },
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    code({ text, lang }) {
      const language = /^[\w+#-]+/.exec(lang ?? '')?.[0] ?? '';
      return `<pre><code class="language-${language}">${escaped(text)}</code></pre>`;
    },
  },
});

function link(href: string, inner: string): string {
  if (!/^(?:https?|mailto):/i.test(href)) return inner;
  return `<a href="${escaped(href)}" title="${escaped(href)}">${inner}</a>`;
}

/** The HTML of each block of a text. Blocks that did not change have the same HTML again. */
export function blocks(text: string): string[] {
  const tokens = marked.lexer(text);
  return tokens.filter(isVisible).map((token) => {
    const alone = [token] as Token[] & { links: typeof tokens.links };
    alone.links = tokens.links;
    return marked.parser(alone);
  });
}

function isVisible(token: Token): boolean {
  return token.type !== 'space' && token.type !== 'def';
}
