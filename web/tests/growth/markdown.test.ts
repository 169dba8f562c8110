// @vitest-environment node
import { stepsOf } from './steps';
import { Lexer } from 'marked';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Reader, blocks } from '../../src/text/reader';
import { HOSTILE, textOf } from './hostile';

/** Of a text twice as long, with room for what is done once. */
const MOST_GROWTH = 2.6;
const SIZE = 24_000;

afterEach(() => vi.restoreAllMocks());

describe('a text twice as long', () => {
  it.each(HOSTILE)('takes twice the steps: $name', (hostile) => {
    const [once, twice] = [textOf(hostile, SIZE), textOf(hostile, 2 * SIZE)];
    // What is compiled, and kept, at the first time.
    blocks(once);
    const steps = stepsOf(() => blocks(once));
    expect(stepsOf(() => blocks(twice))).toBeLessThan(MOST_GROWTH * steps + 2_000);
  });
});

/** Of each piece that the library reads at once, its length. Within one, it may take the square of it. */
function readPieces(text: string): number[] {
  const lengths: number[] = [];
  let depth = 0;
  for (const name of ['blockTokens', 'inlineTokens'] as const) {
    const read = Lexer.prototype[name] as (this: Lexer, ...args: unknown[]) => never;
    vi.spyOn(Lexer.prototype, name).mockImplementation(function (this: Lexer, ...args: unknown[]) {
      // What it reads of a piece on its own account is bounded by the piece.
      if (depth++ === 0) lengths.push((args[0] as string).length);
      try {
        return read.apply(this, args);
      } finally {
        depth--;
      }
    });
  }
  blocks(text);
  return lengths;
}

describe('the library for Markdown', () => {
  it.each(HOSTILE)('is given small pieces, and all of them once or twice: $name', (hostile) => {
    const text = textOf(hostile, 60_000);
    const lengths = readPieces(text);
    const isTable = text.includes('|-');
    expect(Math.max(0, ...lengths)).toBeLessThanOrEqual(isTable ? 60_000 : 42_000);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    // Blocks, what is written in them, and definitions before anything else.
    expect(total).toBeLessThanOrEqual(3.2 * text.length);
  });

  it('is given nothing long that is no table, nor code in a list', () => {
    for (const unit of ['a *b ', '[a](b ', '> a\n', '- a\n', '- a\n\n', 'a\n', '<a>\n', '$a ']) {
      expect(Math.max(0, ...readPieces(unit.repeat(20_000)))).toBeLessThanOrEqual(10_000);
      vi.restoreAllMocks();
    }
  });
});

/** All that a stream shows on its way, a text longer with every step. */
function read(text: string, numSteps: number): void {
  const reader = new Reader();
  for (let step = 1; step <= numSteps; step++) {
    const shown = text.slice(0, Math.ceil((text.length * step) / numSteps));
    for (const _ of reader.read(shown, step < numSteps)) void _;
  }
}

describe('a text that is streamed', () => {
  const paragraph =
    'Words with *stress*, [a link](https://a.example/) and `code`, one after the other.\n\n';
  const kinds = {
    paragraphs: paragraph,
    'tight lists': '- An item with **some** words in it\n',
    headings: '# A heading\n',
    definitions: '[a]: https://a.example/\n\n[a] and [b]\n\n',
    'formulas that do not end': '$$\nx\n\n',
  };
  it.each(Object.entries(kinds))('takes twice the steps for twice as much: %s', (_, unit) => {
    const stream = (size: number) => () => read(unit.repeat(size / unit.length), size / 40);
    stream(4_000)();
    const steps = stepsOf(stream(20_000));
    expect(stepsOf(stream(40_000))).toBeLessThan(MOST_GROWTH * steps);
  });

  it.each(HOSTILE)('is read in its pieces as it is as a whole: $name', (hostile) => {
    const text = textOf(hostile, 300);
    const reader = new Reader();
    for (let end = 1; end < text.length; end += 7) {
      for (const _ of reader.read(text.slice(0, end), true)) void _;
    }
    for (const _ of reader.read(text, false)) void _;
    expect(reader.parts.flatMap((part) => part.html)).toEqual(blocks(text));
  });
});
