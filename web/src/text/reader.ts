// A text that grows -> its blocks. What does not change is not read again.

import { canDefine, define, render, type Links } from './markdown';
import { sectionsOf, type Section } from './sections';

/** A section of the text as it is shown. Of one that is settled, only the place is kept. */
interface Part {
  section: Section;
  /** Null until it is read. */
  html: string[] | null;
  hasBracket: boolean;
  /** How much links could refer to when it was read. */
  numLinks: number;
}

export class Reader {
  readonly parts: Part[] = [];
  /** Those from here on were cut when a text was read last. */
  firstNew = 0;
  private text = '';
  /** Where the first section begins that may still change. */
  private unsettled = 0;
  private links: Links = Object.create(null);
  private numLinks = 0;
  /** So many, from the first on, are read. */
  private numRead = 0;
  /** Parts whose definitions are known. */
  private numDefined = 0;

  /**
   * Read a text, in small steps. Gives the part that each has read, or nothing. As long as a text is open, what is read
   * of it stays as it is, and its last sections are read anew as it grows.
   */
  *read(given: string, isOpen: boolean): Generator<number | undefined, void> {
    const text = given.includes('\r') ? given.replace(/\r\n?/g, '\n') : given;
    this.cut(text);
    const numSettled = isOpen ? this.numSettled() : this.parts.length;
    for (; this.numDefined < numSettled; this.numDefined++) {
      const section = this.sectionOf(this.numDefined);
      if (!canDefine(section)) continue;
      this.numLinks += define(section, this.links);
      yield undefined;
    }
    for (let index = isOpen ? this.numRead : 0; index < this.parts.length; index++) {
      const part = this.parts[index]!;
      this.numRead = Math.max(this.numRead, index);
      const isStale = !isOpen && part.hasBracket && part.numLinks !== this.numLinks;
      if (part.html !== null && !isStale) continue;
      const isSettled = index < numSettled;
      // What is not settled may define something that it does not in the end.
      const links = isSettled ? this.links : (Object.create(this.links) as Links);
      part.html = render(this.sectionOf(index), links);
      part.numLinks = isSettled ? this.numLinks : -1;
      yield index;
    }
    this.numRead = this.parts.length;
  }

  private cut(text: string): void {
    const isMore = text.startsWith(this.text.slice(0, this.unsettled));
    if (!isMore || this.numDefined > this.numSettled()) this.forget();
    const { found, unsettled } = sectionsOf(text, this.unsettled);
    this.firstNew = this.numSettled();
    this.numRead = Math.min(this.numRead, this.firstNew);
    const before = this.parts.splice(this.firstNew);
    for (const [index, section] of found.entries()) {
      const known = before[index];
      const isSame =
        known?.section.kind === section.kind && known.section.source === section.source;
      const html = isSame ? known.html : null;
      const numLinks = isSame ? known.numLinks : -1;
      this.parts.push({ section, html, hasBracket: section.source.includes('['), numLinks });
    }
    this.text = text;
    this.unsettled = unsettled;
    this.release();
  }

  /** A part of a text keeps the whole text in memory: each part would keep the text of its own time. */
  private release(): void {
    for (let index = this.numSettled() - 1; index >= 0; index--) {
      const { section } = this.parts[index]!;
      if (section.source === '') return;
      this.parts[index]!.section = { ...section, source: '' };
    }
  }

  private sectionOf(index: number): Section {
    const { section } = this.parts[index]!;
    if (section.source !== '') return section;
    return {
      ...section,
      source: this.text.slice(section.start, this.parts[index + 1]!.section.start),
    };
  }

  private numSettled(): number {
    let num = this.parts.length;
    while (num > 0 && this.parts[num - 1]!.section.start >= this.unsettled) num--;
    return num;
  }

  private forget(): void {
    this.parts.length = 0;
    this.unsettled = 0;
    this.links = Object.create(null);
    this.numLinks = 0;
    this.numDefined = 0;
  }
}

/** The HTML of each block of a text. */
export function blocks(text: string): string[] {
  const reader = new Reader();
  for (const step of reader.read(text, false)) void step;
  return reader.parts.flatMap((part) => part.html ?? []);
}
