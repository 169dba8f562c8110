import { expect, it } from 'vitest';
import { lastLineOf, piecesOf } from '../src/text/pieces';
import { Reader, blocks } from '../src/text/reader';

function read(reader: Reader, text: string, isOpen = false): string {
  for (const _ of reader.read(text, isOpen)) void _;
  return reader.parts.flatMap((part) => part.html ?? []).join('');
}

const ADDRESS = 'href="https://a.example/"';
const TEXT = '[a][b]\n\nOne\n\nTwo\n\n[b]: https://a.example/\n\n[c][b]\n\nThree\n\nFour';

it('leaves what is read as it is while a text is written, and reads links anew at its end', () => {
  const reader = new Reader();
  for (let end = 1; end < TEXT.length; end++) read(reader, TEXT.slice(0, end), true);
  const shown = read(reader, TEXT, true);
  expect(shown).toContain('<p>[a][b]</p>');
  expect(read(reader, TEXT)).toBe(blocks(TEXT).join(''));
  expect(read(reader, TEXT).split(ADDRESS)).toHaveLength(3);
});

it('reads a text anew that is another, or goes on after its end', () => {
  const reader = new Reader();
  expect(read(reader, TEXT)).toContain(ADDRESS);
  expect(read(reader, 'Another\n\n[a][b]\n\nand\n\nmore')).not.toContain(ADDRESS);
  expect(read(reader, `${TEXT} and more`, true)).toContain('Four and more');
  expect(read(reader, `${TEXT} and more`)).toBe(blocks(`${TEXT} and more`).join(''));
});

it('takes up reading where it was left', () => {
  const reader = new Reader();
  const begun = reader.read(TEXT, true);
  begun.next();
  begun.next();
  begun.return();
  expect(read(reader, `${TEXT}!`, true)).toContain('<p>Four!</p>');
  expect(read(reader, `${TEXT}!`)).toBe(blocks(`${TEXT}!`).join(''));
});

it('has thoughts in pieces that are the whole', () => {
  const text = `${'A line of a thought.\n'.repeat(1_000)}${'x'.repeat(9_000)}\n\nThe last \n\n`;
  const pieces = piecesOf(text);
  expect(pieces.join('')).toBe(text);
  expect(pieces.slice(0, -1).every((piece) => piece.endsWith('\n'))).toBe(true);
  expect(pieces.length).toBeGreaterThan(5);
  expect(piecesOf('')).toEqual([]);
  expect(lastLineOf(text)).toBe('The last');
  expect(lastLineOf('')).toBe('');
});
