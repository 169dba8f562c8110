import { describe, expect, it } from 'vitest';
import highlighter from '../src/text/highlighter';
import { canColour } from '../src/text/limits';

describe('colours', () => {
  it('are there for every language, and for what one calls a function in C#', () => {
    for (const language of ['bash', 'python', 'typescript', 'csharp', 'rust', 'yaml']) {
      expect(highlighter.getLanguage(language)).toBeDefined();
    }
    const { value } = highlighter.highlight('public static async Task<int> Run(int a) { }', {
      language: 'csharp',
    });
    expect(value).toContain('<span class="hljs-title">Run</span>');
  });

  it('are left out where they would take long', () => {
    expect(canColour('const a = 1;\n'.repeat(1_000))).toBe(true);
    expect(canColour('const a = 1;\n'.repeat(2_000))).toBe(false);
    expect(canColour('a'.repeat(500))).toBe(true);
    expect(canColour('a'.repeat(501))).toBe(false);
    expect(canColour(`a${'\n'.repeat(201)}b`)).toBe(false);
  });
});
