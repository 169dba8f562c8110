// How much is set as Markdown at once. Its reader takes time that grows with the square of a piece, and of a word.

import { count } from './numbers';
import { LINE, type Section } from './sections';

const MOST = 10_000;
const MOST_OF_TABLE = 60_000;
const MOST_CODE = 30_000;
const MOST_CELLS = 20_000;
const LONGEST_WORD = 2_000;
const DEEPEST = 32;

const MOST_COLOURED = 16_000;
const LONGEST_LINE = 500;
const LONGEST_BLANK = 200;
/** Of words and blanks alone, which code of more than so many characters does not have so many of in a row. */
const LONGEST_WORDS = 1_000;
const SHORT_CODE = 4_000;

/** Whether code is to be coloured: its reader takes a square, or worse, of lines, of blanks and of words in a row. */
export function canColour(code: string): boolean {
  if (code.length > MOST_COLOURED) return false;
  let line = 0;
  let blank = 0;
  let words = 0;
  for (const character of code) {
    line = character === '\n' ? 0 : line + 1;
    blank = character.trim() === '' ? blank + 1 : 0;
    words = /[\w\s.$@]/.test(character) ? words + 1 : 0;
    if (line > LONGEST_LINE || blank > LONGEST_BLANK) return false;
    if (words > LONGEST_WORDS && code.length > SHORT_CODE) return false;
  }
  return true;
}

interface Measures {
  /** Characters and lines, without the code in items of lists. */
  weight: number;
  codeWeight: number;
  longestWord: number;
  depth: number;
  numLines: number;
  /** Of the widest table. */
  numColumns: number;
  isTable: boolean;
}

/** Why a section is to be shown as it was written, or null if it can be set. */
export function obstacleOf(section: Section): string | null {
  const found = measuresOf(section);
  const most = found.isTable ? MOST_OF_TABLE : MOST;
  if (found.weight > most || found.codeWeight > MOST_CODE) {
    return `${count(section.source.length)} characters in one piece`;
  }
  if (found.longestWord > LONGEST_WORD) return `a word of ${count(found.longestWord)} characters`;
  if (found.depth > DEEPEST) return `quotes and lists ${count(found.depth)} deep`;
  const numCells = found.numLines * found.numColumns;
  return numCells > MOST_CELLS ? `a table of ${count(numCells)} cells` : null;
}

/** Whether a section is so long that only a table may be. */
export function isLong(section: Section): boolean {
  return section.source.length > MOST;
}

function measuresOf({ kind, source }: Section): Measures {
  const found: Measures = {
    weight: 0,
    codeWeight: 0,
    longestWord: 0,
    depth: 0,
    numLines: 0,
    numColumns: 0,
    isTable: false,
  };
  let fence = '';
  for (const line of source.split('\n')) {
    if (line.trim() === '') {
      found.weight += line.length + 1;
      continue;
    }
    const { depth, content } = withoutMarks(line);
    const mark = kind === 'list' ? (/^(?:`{3,}|~{3,})/.exec(content)?.[0] ?? '') : '';
    if (fence !== '' && line.startsWith('  ')) found.codeWeight += line.length + LINE;
    else found.weight += line.length + LINE;
    if (mark !== '' && fence === '') fence = mark;
    else if (mark.startsWith(fence)) fence = '';
    found.numLines++;
    found.longestWord = Math.max(found.longestWord, longestWordOf(line));
    if (depth > DEEPEST && !isRule(line)) found.depth = Math.max(found.depth, depth);
    if (!isDelimiterRow(content)) continue;
    found.numColumns = Math.max(found.numColumns, content.split('|').length);
    found.isTable ||= found.numLines === 2 && depth === 0;
  }
  return found;
}

/** What of a line stands behind the marks of quotes and lists, and how many they are. */
function withoutMarks(line: string): { depth: number; content: string } {
  const mark = /[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$))/y;
  let depth = 0;
  let end = 0;
  for (; mark.test(line); depth++) end = mark.lastIndex;
  return { depth, content: line.slice(end).trimStart() };
}

function isRule(line: string): boolean {
  return /^[-\s]*$|^[*\s]*$/.test(line);
}

function isDelimiterRow(content: string): boolean {
  return content.includes('|') && content.includes('-') && /^[|:\- \t]*$/.test(content);
}

/** Of characters that addresses have. Other scripts do without blanks. */
function longestWordOf(line: string): number {
  let longest = 0;
  let length = 0;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    length = code > 32 && code < 127 ? length + 1 : 0;
    if (length > longest) longest = length;
  }
  return longest;
}
