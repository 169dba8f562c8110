import { Lexer } from 'marked';
import { describe, expect, it, vi } from 'vitest';
import { blocks } from '../src/text/reader';
import { textFragment } from '../src/text/sanitize';

const html = (text: string) => blocks(text).join('');

describe('blocks', () => {
  it.each([
    ['a <b>c</b> & d', '<p>a &lt;b&gt;c&lt;/b&gt; &amp; d</p>'],
    ['![alt](https://a.example/x.png)', 'image: alt</a>'],
    ['[x](javascript:alert(1))', '<p>x</p>'],
    ['- [x] done\n- [ ] open', '☑ '],
    ['```py\nif a < b:\n```', '<pre><code class="language-py">if a &lt; b:</code></pre>'],
    ['~~gone~~', '<del>gone</del>'],
    ['| a |\n|--:|\n| 1 |', 'align="right"'],
  ])('writes %j', (text, wanted) => {
    expect(html(text)).toContain(wanted);
  });

  it.each([
    ['costs $5 and $6', false],
    ['costs $5-$6 each', false],
    ['$x$', true],
    ['is $x+1$.', true],
    ['$ x $', false],
    ['a $x$5 b', false],
    ['\\(x\\)', true],
    ['\\[\nx\n\\]', true],
    ['$$\nx\n$$', true],
    ['text $$x$$ text', true],
    ['`$x$`', false],
    ['```\n$x$\n```', false],
    ['$$\nx', false],
    ['\\[x', false],
    ['\\(x\n\\)', false],
    ['a $$x b', false],
    ['$\\$', false],
    ['$$\nx\n\ny\n$$', true],
    ['$$x$$  ', true],
    ['$$x$$.', true],
    ['- a\n\n  $$\n  x\n  $$\n', true],
    ['> \\[x\\]', true],
    ['text\n$$\nx\n$$\ntext', true],
  ])('finds formulas in %j: %s', (text, wanted) => {
    expect(html(text).includes('class="math"')).toBe(wanted);
  });

  it('keeps blocks that did not change', () => {
    const before = blocks('# One\n\nTwo\n\nThree is');
    const after = blocks('# One\n\nTwo\n\nThree is longer\n\nFour');
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after).toHaveLength(4);
  });

  it('resolves links that are named elsewhere', () => {
    expect(html('[a][b]\n\n[b]: https://a.example/')).toContain('href="https://a.example/"');
  });

  it.each([
    ['- a\n\n  ```py\n  x\n\n  y\n  ```\n\n- b', 1],
    ['1. a\n```\nx\n\ny\n```\n2. b', 3],
    ['- a\n  - b\n  ```\n  x\n  ```\n', 1],
    ['<!-- a\n\nb -->\nc', 2],
    ['<div>\na\n\nb', 2],
    ['    a\n\n    b\nc', 2],
    ['a\n# b\nc', 3],
    ['> a\nb\n\nc', 2],
    ['```\na\n\n````\nb', 2],
    ['~~~\na\n```\n\nb', 1],
    ['\n\n\na\r\n\r\nb\n\n', 2],
  ])('makes as many blocks as there are of %j: %i', (text, wanted) => {
    expect(blocks(text)).toHaveLength(wanted);
  });

  it('keeps the code of fences and indentation as it is', () => {
    expect(html('  ```py x\n    a\n  b\n\n```')).toBe(
      '<pre><code class="language-py">  a\nb\n</code></pre>',
    );
    expect(html('    a\n\n      b')).toBe('<pre><code class="language-">a\n\n  b</code></pre>');
  });

  it('cuts a long list between its items, which stay as far apart as they were', () => {
    const items = Array.from({ length: 200 }, (_, at) => `${at + 1}. ${'word '.repeat(20)}`);
    const tight = blocks(items.join('\n'));
    expect(tight.length).toBeGreaterThan(3);
    expect(tight.join('').match(/<li>word/g)).toHaveLength(200);
    expect(tight[1]).toMatch(/^<ol start="\d\d">/);
    expect(
      blocks(items.join('\n\n'))
        .join('')
        .match(/<li><p>word/g),
    ).toHaveLength(200);
  });

  it.each([
    ['characters in one piece', 'a *b '.repeat(4_000)],
    ['a word of 2,001 characters', `a@${'b'.repeat(1_999)}`],
    ['quotes and lists 400 deep', `${'> '.repeat(400)}a`],
    ['a table of 40,401 cells', `|${'a|'.repeat(199)}\n|${'-|'.repeat(199)}\n${'|\n'.repeat(199)}`],
    [
      'links that repeat long addresses',
      `[b]: https://a.example/${'c'.repeat(1_500)}\n\n${'[b] '.repeat(100)}`,
    ],
  ])('shows what it cannot set as it was written, and why: %s', (why, text) => {
    const nodes = textFragment(html(text));
    expect(nodes.querySelector('.why')!.textContent).toContain(why);
    const shown = nodes.querySelector('pre')!.textContent!;
    expect(text.trim()).toContain(shown);
    expect(shown.length).toBeGreaterThan(300);
  });

  it('shows as it was written what is nested deeper than the stack', () => {
    vi.spyOn(Lexer.prototype, 'inlineTokens').mockImplementation(() => {
      throw new RangeError('Maximum call stack size exceeded');
    });
    const shown = html('*a*');
    vi.restoreAllMocks();
    expect(shown).toContain('too much within one another');
    expect(shown).toContain('>*a*<');
  });

  it('reads every beginning of a text', () => {
    const text =
      '# H\n\n**b** $x$ [l](https://a.example)\n\n```py\ncode\n```\n\n| a |\n|---|\n| 1 |\n';
    for (let at = 0; at <= text.length; at++) {
      const nodes = textFragment(html(text.slice(0, at)));
      expect(nodes.querySelector('script, img, style')).toBe(null);
    }
  });
});

describe('textFragment', () => {
  it('has links that tell nobody where they came from', () => {
    const link = textFragment('<a href="https://a.example/">x</a>').querySelector('a')!;
    expect(link.rel).toBe('noopener noreferrer nofollow');
    expect(link.target).toBe('_blank');
  });

  it('keeps where a list begins and how a column is aligned', () => {
    const nodes = textFragment(html('3. a\n\n| a |\n|--:|\n| 1 |'));
    expect(nodes.querySelector('ol')!.start).toBe(3);
    expect(nodes.querySelector('td')!.align).toBe('right');
  });

  it('leaves out whatever loads or runs', () => {
    const nodes = textFragment(
      '<img src=x onerror=alert(1)><a href="javascript:alert(1)" onclick="alert(1)" style="x">y</a><svg><script>1</script></svg>',
    );
    expect([...nodes.querySelectorAll('*')].map((node) => node.outerHTML)).toEqual([
      '<a target="_blank" rel="noopener noreferrer nofollow">y</a>',
    ]);
  });
});
