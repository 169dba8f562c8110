// Markdown as models write it -> blocks of HTML, to be sanitized.

import {
  Lexer,
  Marked,
  type Token,
  type TokenizerAndRendererExtension,
  type Tokens,
  type TokensList,
} from 'marked';
import { displayFormula, inlineFormula } from './formulas';
import { isLong, obstacleOf } from './limits';
import { trimmed, type Section } from './sections';

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function math(tex: string, display: boolean): string {
  return `<span class="math" data-display="${display ? 'block' : 'inline'}">${escaped(tex.trim())}</span>`;
}

function displayMath(tex: string): string {
  return `<p>${math(tex, true)}</p>`;
}

const inlineMath: TokenizerAndRendererExtension = {
  name: 'inlineMath',
  level: 'inline',
  start: (text) => place(text.indexOf('$')),
  tokenizer(text) {
    const found = inlineFormula(text);
    return found && { type: 'inlineMath', raw: text.slice(0, found.end), tex: found.tex };
  },
  renderer: (token) => math(token.tex as string, false),
};

/** In a list or a quote; elsewhere they are sections of their own. */
const blockMath: TokenizerAndRendererExtension = {
  name: 'blockMath',
  level: 'block',
  start: (text) => place(text.search(/^(?:\$\$|\\\[)/m)),
  tokenizer(text) {
    const found = displayFormula(text, 0);
    return found && { type: 'blockMath', raw: text.slice(0, found.end), tex: found.tex };
  },
  renderer: (token) => displayMath(token.tex as string),
};

function place(at: number): number | undefined {
  return at < 0 ? undefined : at;
}

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
    code: ({ text, lang }) => code(text, lang ?? ''),
  },
});

function code(text: string, info: string): string {
  const language = /^[\w+#-]+/.exec(info)?.[0] ?? '';
  return `<pre><code class="language-${language}">${escaped(text)}</code></pre>`;
}

/** The most characters of addresses in a section: each reference to a definition repeats its address. */
const MOST_ADDRESSES = 100_000;
let numAddressed = 0;

class TooMuch extends Error {}

function link(href: string, inner: string): string {
  if (!/^(?:https?|mailto):/i.test(href)) return inner;
  numAddressed += href.length;
  if (numAddressed > MOST_ADDRESSES) throw new TooMuch('links that repeat long addresses');
  return `<a href="${escaped(href)}" title="${escaped(href)}">${inner}</a>`;
}

export type Links = TokensList['links'];

/** Whether reading a section may add to what links can refer to. */
export function canDefine(given: Section): boolean {
  const hasMarkdown = given.kind === 'text' || given.kind === 'list';
  return hasMarkdown && given.source.includes(']:') && obstacleOf(trimmed(given)) === null;
}

/** Add what links can refer to, and tell how many there are in the section. */
export function define(section: Section, links: Links): number {
  const lexer = lexerWith(links);
  const found = guarded(() => lexer.blockTokens(trimmed(section).source, lexer.tokens));
  return typeof found === 'string' ? 0 : found.filter(isDefinition).length;
}

/** The HTML of the blocks of a section. Nothing of its text is missing, also where it is not set. */
export function render(given: Section, links: Links): string[] {
  const section = trimmed(given);
  const { kind, source } = section;
  if (source === '') return [];
  switch (kind) {
    case 'formula':
      return [displayMath(displayFormula(source, 0)?.tex ?? source)];
    case 'fence':
      return [fence(given.source.replace(/^(?:[ \t]*\n)+/, ''))];
    case 'code':
      return [code(source.replace(/^(?: {0,3}\t| {1,4})/gm, ''), '')];
    case 'html':
      return [escaped(source)];
  }
  const found = obstacleOf(section) ?? guarded(() => set(section, links));
  return typeof found === 'string' ? [asWritten(source, found)] : found;
}

function set(section: Section, links: Links): string[] {
  const lexer = lexerWith(links);
  numAddressed = 0;
  const tokens = lexer.blockTokens(section.source, lexer.tokens);
  const visible = tokens.filter((token) => token.type !== 'space' && !isDefinition(token));
  if (isLong(section) && section.kind === 'text' && visible[0]?.type !== 'table') {
    throw new TooMuch('it looks like a table, and is none');
  }
  if (section.isLoose) visible.forEach(loosen);
  for (const { src, tokens } of lexer.inlineQueue) {
    lexer.state.inRawBlock = false;
    lexer.inlineTokens(src, tokens);
  }
  return visible.map((token) => marked.parser([token]));
}

/** Items are set apart where those of the whole list are. */
function loosen(token: Token): void {
  if (token.type !== 'list' || token.loose) return;
  token.loose = true;
  for (const item of token.items as Tokens.ListItem[]) {
    item.loose = true;
    for (const inner of item.tokens) if (inner.type === 'text') (inner as Token).type = 'paragraph';
  }
}

function lexerWith(links: Links): Lexer {
  const lexer = new Lexer({ ...marked.defaults });
  lexer.tokens.links = links;
  return lexer;
}

/** What is read, or why it cannot be. */
function guarded<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof TooMuch) return error.message;
    // What is nested deeper than the stack.
    if (error instanceof RangeError) return 'too much within one another';
    throw error;
  }
}

function isDefinition(token: Token): boolean {
  return token.type === 'def';
}

function fence(source: string): string {
  const [first, ...lines] = source.replace(/\n$/, '').split('\n');
  const [, indent, mark, info] = /^( *)(`+|~+)([\s\S]*)$/.exec(first!)!;
  const last = /^ {0,3}(`+|~+)[ \t]*$/.exec(lines.at(-1) ?? '')?.[1];
  // Without an end it goes on to the end of the text.
  if (last?.startsWith(mark!)) lines.pop();
  const blanks = new RegExp(`^ {0,${indent!.length}}`);
  return code(lines.map((line) => line.replace(blanks, '')).join('\n'), info!.trim());
}

/** Text that is not set, and why. */
function asWritten(source: string, why: string): string {
  return `<p class="why">Shown as it was written: ${escaped(why)}.</p>${code(source, '')}`;
}
