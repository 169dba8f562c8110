import { describe, expect, it } from 'vitest';
import { blocks } from '../src/text/markdown';
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
