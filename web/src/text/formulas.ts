// TeX between its delimiters, found in one pass over the text.

export interface Formula {
  tex: string;
  /** Where the text behind it begins. */
  end: number;
}

/** The formula of a line that a text begins with. A dollar before a blank, or behind which a digit stands, is money. */
export function inlineFormula(text: string): Formula | undefined {
  if (text.startsWith('\\(')) return ofLine(text);
  if (text.startsWith('$$')) return betweenDoubles(text);
  return text.startsWith('$') ? betweenDollars(text) : undefined;
}

/** The most characters of a formula of its own lines. */
export const REACH = 10_000;

/** The formula of its own lines that stands at a place of a text; its end is not looked for before another place. */
export function displayFormula(text: string, at: number, from = 0): Formula | undefined {
  const closer = closerAt(text, at);
  if (closer === undefined) return undefined;
  const latest = Math.min(at + REACH, text.length);
  // There is something between them.
  let to = Math.max(at + 3, from);
  for (; (to = indexOfWithin(text, closer, to, latest)) >= 0; to++) {
    let end = to + 2;
    while (text[end] === ' ') end++;
    if (end < text.length && text[end] !== '\n') continue;
    const tex = text.slice(at + 2, to).trim();
    return tex === '' ? undefined : { tex, end: Math.min(end + 1, text.length) };
  }
  return undefined;
}

/** What ends the formula of its own lines that begins at a place. */
export function closerAt(text: string, at: number): string | undefined {
  if (text.startsWith('$$', at)) return '$$';
  return text.startsWith('\\[', at) ? '\\]' : undefined;
}

function indexOfWithin(text: string, wanted: string, from: number, to: number): number {
  const found = text.slice(from, to).indexOf(wanted);
  return found < 0 ? found : from + found;
}

function ofLine(text: string): Formula | undefined {
  const to = text.indexOf('\\)', 3);
  const line = text.indexOf('\n');
  if (to < 0 || (line >= 0 && line < to)) return undefined;
  return { tex: text.slice(2, to), end: to + 2 };
}

function betweenDoubles(text: string): Formula | undefined {
  let to = 2;
  while (to < text.length && text[to] !== '$' && text[to] !== '\n') to++;
  if (to === 2 || !text.startsWith('$$', to)) return undefined;
  return { tex: text.slice(2, to), end: to + 2 };
}

function betweenDollars(text: string): Formula | undefined {
  if (isBlank(text[1])) return undefined;
  // A blank before the closing dollar, or an escape, says that it closes nothing.
  let canClose = false;
  for (let to = 1; to < text.length; to++) {
    const character = text[to]!;
    if (character === '$') {
      if (!canClose || isDigit(text[to + 1])) return undefined;
      return { tex: text.slice(1, to), end: to + 1 };
    }
    if (character === '\n') return undefined;
    if (character === '\\') {
      to++;
      if (to >= text.length || isLineEnd(text[to]!)) return undefined;
      canClose = false;
    } else canClose = !isBlank(character);
  }
  return undefined;
}

function isBlank(character: string | undefined): boolean {
  return character !== undefined && character.trim() === '';
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

function isLineEnd(character: string): boolean {
  return '\n\r\u2028\u2029'.includes(character);
}
