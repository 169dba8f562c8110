// Texts that a model, or a file, may have to hold up who reads them. The page's tests in the browser show the same.

import { readFileSync } from 'node:fs';

interface Hostile {
  name: string;
  before: string;
  unit: string;
  after: string;
}

const FILE = new URL('../../../tests/server/page/hostile.json', import.meta.url);

export const HOSTILE = JSON.parse(readFileSync(FILE, 'utf8')) as Hostile[];

/** A text of about so many characters. */
export function textOf({ before, unit, after }: Hostile, size: number): string {
  return before + unit.repeat(Math.ceil(size / unit.length)) + after;
}
