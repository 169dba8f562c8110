import { describe, expect, it, vi } from 'vitest';
import { Drawing } from '../src/text/drawing.svelte';
import { begin } from '../src/text/slices';

function* longWork() {
  for (const began = performance.now(); performance.now() < began + 50;) yield;
}

describe('a drawing', () => {
  it('is busy from when it is asked for until it is there', async () => {
    begin(longWork());
    const drawing = new Drawing();
    drawing.draw('Text', false);
    expect(drawing.chunks).toEqual([]);
    expect(drawing.isBusy).toBe(true);
    await vi.waitFor(() => expect(drawing.isBusy).toBe(false));
    expect(drawing.chunks.flat().map((block) => block.html.trim())).toEqual(['<p>Text</p>']);
  });
});
