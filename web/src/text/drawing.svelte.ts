// What is shown of a text: as much of it as there was time to read.

import { untrack } from 'svelte';
import { Reader } from './reader';
import { begin } from './slices';

export interface ShownBlock {
  html: string;
  /** Whether it stays as it is. */
  isFinished: boolean;
}

/** So many sections are compared as one when others change. */
const CHUNK = 64;

/** So many characters of HTML become nodes in one slice; each section costs as much as some. */
const MOST_AT_ONCE = 20_000;
const SECTION = 300;

export class Drawing {
  /** All blocks, in chunks that stay the same as long as nothing in them changes. */
  chunks = $state.raw<ShownBlock[][]>([]);
  isBusy = $state(false);
  private readonly reader = new Reader();
  private readonly changed = new Set<number>();
  private isOpen = false;
  /** Whether a text was cut since its parts were compared last. */
  private isCut = false;
  private drop = (): unknown => undefined;

  /** Draw a text in the place of what is drawn. What that lacked is left. */
  draw(text: string, isOpen: boolean): void {
    this.stop();
    this.isOpen = isOpen;
    this.isCut = true;
    // What is read and written on the way is nothing that who asks for it depends on.
    untrack(() => {
      // Also while others have their turn first: what is shown is not the text yet.
      this.isBusy = true;
      this.drop = begin(this.steps(text, isOpen), () => this.publish());
    });
  }

  stop(): void {
    this.drop();
  }

  private *steps(text: string, isOpen: boolean): Generator<boolean, void> {
    let weight = 0;
    for (const index of this.reader.read(text, isOpen)) {
      if (index !== undefined) {
        this.changed.add(Math.floor(index / CHUNK));
        weight += this.reader.parts[index]!.html!.reduce((sum, html) => sum + html.length, SECTION);
      }
      // To make nodes of it takes longer than to read it.
      const isEnough = weight > MOST_AT_ONCE;
      if (isEnough) weight = 0;
      yield isEnough;
    }
    this.isBusy = false;
  }

  private publish(): void {
    const { parts, firstNew } = this.reader;
    const chunks = this.chunks.slice(0, Math.ceil(parts.length / CHUNK));
    if (this.isCut) {
      const first = Math.floor(firstNew / CHUNK);
      for (let at = first; at * CHUNK < parts.length; at++) this.changed.add(at);
      this.isCut = false;
    }
    for (const at of this.changed) chunks[at] = this.chunkAt(at);
    this.chunks = chunks;
    this.changed.clear();
  }

  private chunkAt(at: number): ShownBlock[] {
    const { parts } = this.reader;
    const blocks = parts
      .slice(at * CHUNK, (at + 1) * CHUNK)
      .flatMap((part) => part.html ?? [])
      .map((html) => ({ html, isFinished: true }));
    const isLast = (at + 1) * CHUNK >= parts.length;
    if (this.isOpen && isLast && blocks.length > 0) blocks.at(-1)!.isFinished = false;
    return blocks;
  }
}
