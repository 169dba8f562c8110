import { describe, expect, it } from 'vitest';
import { clamped, printed, spelled } from '../src/text/terminal';

describe('printed', () => {
  it.each([
    ['\u001b[1;31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u001b(Bplain\u001b7', 'plain'],
    ['10 %\r50 %\r100 %\nnext\r\n', '100 %\nnext\n'],
    ['a\u0000b\u0007c\td', 'a\\u0000b\\u0007c\td'],
    ['\u001b', '\\u001b'],
    ['\u001b[', ''],
    ['safe\u202etxt.exe', 'safe\\u202etxt.exe'],
  ])('has what a terminal would show: %j', (text, shown) => {
    expect(printed(text)).toBe(shown);
  });
});

describe('spelled', () => {
  it('shows what cannot be seen, and nothing else', () => {
    expect(spelled("a\u2066 = '\u202e'\r\nשלום é 🙂")).toBe("a\\u2066 = '\\u202e'\nשלום é 🙂");
  });
});

describe('clamped', () => {
  const lines = (num: number) => Array.from({ length: num }, (_, at) => `line ${at}`).join('\n');

  it('leaves what is short', () => {
    expect(clamped(lines(16) + '\n')).toEqual({ head: lines(16), hidden: 0, tail: '' });
  });

  it('shows the beginning and the end of what is long', () => {
    const { head, hidden, tail } = clamped(lines(100));
    expect(head.split('\n')).toHaveLength(9);
    expect(tail).toBe('line 96\nline 97\nline 98\nline 99');
    expect(hidden).toBe(87);
  });

  it('shows the beginning and the end of a long line', () => {
    const { head, hidden, tail } = clamped('a'.repeat(5_000) + 'b'.repeat(5_000));
    expect([head, tail, hidden]).toEqual(['a'.repeat(2_000), 'b'.repeat(1_000), 1]);
  });
});
