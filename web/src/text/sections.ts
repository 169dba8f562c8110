// A text -> pieces that can be read on their own, cut at places that every reader of Markdown takes for an end.

import { closerAt, displayFormula, REACH } from './formulas';

/** `code` is indented, `html` the kind that goes on over blank lines. */
export type Kind = 'text' | 'list' | 'code' | 'fence' | 'html' | 'formula';

export interface Section {
  kind: Kind;
  start: number;
  source: string;
  /** Of a piece of a list: the whole has blank lines between its items, which this one alone may not have. */
  isLoose: boolean;
}

export interface Sections {
  /** Every character of the text is in one of them. */
  found: Section[];
  /** Where the first begins that is another as soon as the text goes on. */
  unsettled: number;
}

/** Each line costs as much to read as some characters. */
export const LINE = 8;
/** From here on a list is cut before its next item, so that what is read at once stays small. */
const LONG_LIST = 5_000;

const MARK = /^(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)/;
/** What begins a list right behind a line of text. */
const INTERRUPTING_MARK = /^(?:[-*+]|1[.)])[ \t]+[^ \t]/;
const HEADING = /^#{1,6}(?:[ \t]|$)/;
const FENCE = /^(?:`{3,}(?=[^`]*$)|~{3,})/;
const HTML = /^<(?:(script|pre|style|textarea)(?=[\s>]|$)|!--|\?|![a-z]|!\[CDATA\[)/i;
const BLANKS = ' \t\n';
/** As much of a line as these look at, but for fences. */
const BEGINNING = 16;

interface Line {
  start: number;
  /** Its first character that is no blank, and how far to the right that stands. */
  first: number;
  indent: number;
  end: number;
}

/** A section without the blank lines around it, which say nothing. */
export function trimmed(section: Section): Section {
  const { source } = section;
  let end = source.length;
  while (end > 0 && BLANKS.includes(source[end - 1]!)) end--;
  return { ...section, source: source.slice(0, end).replace(/^(?:[ \t]*\n)+/, '') };
}

/** Where a text is cut, from a place on at which a section begins. */
export function sectionsOf(text: string, from = 0): Sections {
  return new Cutter(text, from).cut();
}

class Cutter {
  private readonly found: Section[] = [];
  private readonly from: number;
  private kind: Kind = 'text';
  private start: number;
  private isBegun = false;
  private numLines = 0;
  /** Of a list: how far to the right its marks stand, and the text of its latest item. */
  private mark = 0;
  private content = 0;
  private isLoose = false;
  private isAfterBlank = false;
  /** The ends of formulas that are nowhere before a place. */
  private readonly missing = new Map<string, number>();
  /** Where the section begins that has a formula whose end may still come. */
  private open = Infinity;

  constructor(
    private readonly text: string,
    from: number,
  ) {
    this.from = this.start = from;
  }

  cut(): Sections {
    for (let at = this.from; at < this.text.length;) {
      const line = lineAt(this.text, at);
      at = line.end + 1;
      if (line.first === line.end) this.isAfterBlank = true;
      else {
        at = this.take(line) ?? at;
        this.isAfterBlank = false;
      }
    }
    if (this.start < this.text.length) this.finish(this.text.length);
    // A line that grows may belong to the section before after all.
    const before = this.found.at(-2) ?? this.found.at(-1);
    return { found: this.found, unsettled: Math.min(this.open, before?.start ?? this.from) };
  }

  /** Take a line. Where something begins with it that has an end of its own, gives the place behind that. */
  private take(line: Line): number | undefined {
    const whole = this.wholeAt(line);
    if (whole) {
      this.begin(whole.kind, line);
      this.finish(whole.end);
      return whole.end;
    }
    const content = this.text.slice(line.first, Math.min(line.end, line.first + BEGINNING));
    const isMark = line.indent < 4 && MARK.test(content);
    if (!this.isBegun || this.isNew(line, content, isMark)) {
      const isPiece = this.isBegun && this.kind === 'list' && isMark;
      if (isPiece) this.isLoose ||= this.isAfterBlank;
      this.begin(line.indent >= 4 ? 'code' : isMark ? 'list' : 'text', line);
      if (!isPiece) this.isLoose = false;
      this.content = 0;
    }
    this.numLines++;
    // Marks further to the right are of lists in this item.
    if (this.kind === 'list' && isMark && (this.content === 0 || line.indent < this.content)) {
      this.content = line.indent + widthOfMark(content);
    }
    return undefined;
  }

  private isNew(line: Line, content: string, isMark: boolean): boolean {
    const isHeading = line.indent === 0 && HEADING.test(content);
    switch (this.kind) {
      case 'code':
        return line.indent < 4;
      case 'list':
        if (isMark) return line.indent <= this.mark && this.weightTo(line) > LONG_LIST;
        return isHeading || (this.isAfterBlank && line.indent === 0);
      default:
        if (this.isAfterBlank) return true;
        // In HTML that goes on to a blank line, these are nothing of their own.
        if (this.text[this.start] === '<') return false;
        return isHeading || (line.indent === 0 && INTERRUPTING_MARK.test(content));
    }
  }

  private weightTo(line: Line): number {
    return line.start - this.start + LINE * this.numLines;
  }

  /** What has an end of its own and begins with a line. */
  private wholeAt(line: Line): { kind: Kind; end: number } | undefined {
    const isInList = this.isBegun && this.kind === 'list';
    if (line.indent >= 4 || (isInList && line.indent >= this.content)) return undefined;
    const fence = FENCE.exec(this.text.slice(line.first, line.end))?.[0];
    if (fence) return { kind: 'fence', end: endOfFence(this.text, fence, line.end + 1) };
    // Right behind a line of a list, the others belong to its item.
    if (isInList && !(this.isAfterBlank && line.indent === 0)) return undefined;
    const formula = line.indent === 0 ? this.endOfFormula(line) : undefined;
    if (formula !== undefined) return { kind: 'formula', end: formula };
    // HTML that goes on to a blank line has it within.
    if (this.isBegun && !this.isAfterBlank && this.text[this.start] === '<') return undefined;
    const html = HTML.exec(this.text.slice(line.first, line.first + BEGINNING));
    return html ? { kind: 'html', end: endOfHtml(this.text, html, line.first) } : undefined;
  }

  private endOfFormula({ first, start }: Line): number | undefined {
    const closer = closerAt(this.text, first);
    if (closer === undefined) return undefined;
    const formula = displayFormula(this.text, first, this.missing.get(closer));
    if (formula) return formula.end;
    // The last character may be the first of the end.
    this.missing.set(closer, Math.min(first + REACH, this.text.length) - 1);
    if (first + REACH > this.text.length) {
      const isOwn = this.isBegun && (this.isAfterBlank || this.kind === 'code');
      this.open = Math.min(this.open, isOwn ? start : this.start);
    }
    return undefined;
  }

  private begin(kind: Kind, line: Line): void {
    if (this.isBegun) this.finish(line.start);
    this.kind = kind;
    this.isBegun = true;
    this.numLines = 0;
    this.mark = line.indent;
  }

  private finish(end: number): void {
    const { kind, start } = this;
    const isLoose = kind === 'list' && this.isLoose;
    this.found.push({ kind, start, source: this.text.slice(start, end), isLoose });
    this.start = end;
    this.isBegun = false;
    this.kind = 'text';
  }
}

function lineAt(text: string, start: number): Line {
  const found = text.indexOf('\n', start);
  const end = found < 0 ? text.length : found;
  let first = start;
  let indent = 0;
  for (; first < end; first++) {
    if (text[first] === ' ') indent++;
    else if (text[first] === '\t') indent += 4 - (indent % 4);
    else break;
  }
  return { start, first, indent, end };
}

function widthOfMark(content: string): number {
  const mark = MARK.exec(content)![0].length;
  const blanks = content.slice(mark).search(/[^ \t]/);
  // More are the indentation of code, and none are an item that is empty as yet.
  return mark + (blanks < 1 || blanks > 4 ? 1 : blanks);
}

function endOfFence(text: string, fence: string, from: number): number {
  for (let at = from; at < text.length;) {
    const line = lineAt(text, at);
    at = line.end + 1;
    if (line.indent >= 4 || !text.startsWith(fence, line.first)) continue;
    let end = line.first + fence.length;
    while (text[end] === fence[0]) end++;
    if (text.slice(end, line.end).trim() === '') return Math.min(at, text.length);
  }
  return text.length;
}

/** Where HTML ends that goes on over blank lines: behind the line that has its end. */
function endOfHtml(text: string, [begin, tag]: RegExpExecArray, first: number): number {
  const closer = tag
    ? new RegExp(`</${tag}>`, 'gi')
    : ({ '<!--': /-->/g, '<?': /\?>/g, '<![CDATA[': /\]\]>/g }[begin!.toUpperCase()] ?? />/g);
  closer.lastIndex = first + 2;
  const found = closer.exec(text);
  return found ? Math.min(lineAt(text, found.index).end + 1, text.length) : text.length;
}
