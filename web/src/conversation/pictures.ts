// Pictures that code has made: conversations refer to them, so that what is read and written all the time is small.

import type { OutputItem } from '../api/output';

const REFERENCE = 'picture:';
/** Kinds that a browser draws and that run nothing. */
const DATA = /^data:(image\/(?:png|jpeg|gif|webp));base64,/;

/** A picture's id, if a URL refers to one that is kept. */
export function idOf(url: string): string | null {
  return url.startsWith(REFERENCE) ? url.slice(REFERENCE.length) : null;
}

/** The picture of a `data:` URL; null if it is of another kind, or none. */
export function pictureOf(url: string): Blob | null {
  const kind = DATA.exec(url);
  if (!kind) return null;
  try {
    const text = atob(url.slice(kind[0].length));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    return new Blob([bytes], { type: kind[1] });
  } catch {
    return null;
  }
}

/** A picture as a `data:` URL. */
export async function dataOf(picture: Blob): Promise<string> {
  const bytes = new Uint8Array(await picture.arrayBuffer());
  const pieces: string[] = [];
  // As many as a call takes arguments.
  for (let at = 0; at < bytes.length; at += 32_768) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 32_768)));
  }
  return `data:${picture.type};base64,${btoa(pieces.join(''))}`;
}

/** An item with references in the place of its pictures, each of which is given away. */
export function lifted(item: OutputItem, take: (id: string, picture: Blob) => void): OutputItem {
  if (item.type !== 'code_interpreter_call' || !item.outputs) return item;
  const outputs = item.outputs.map((each, at) => {
    if (each.type !== 'image' || idOf(each.url) !== null) return each;
    const id = `${item.id}.${at}`;
    const picture = pictureOf(each.url);
    if (picture) take(id, picture);
    return { ...each, url: REFERENCE + id };
  });
  return { ...item, outputs };
}

/** An item with its pictures in it again; those that are gone are left out. */
export async function filled(
  item: OutputItem,
  find: (id: string) => Promise<Blob | undefined>,
): Promise<OutputItem> {
  if (item.type !== 'code_interpreter_call' || !item.outputs) return item;
  const outputs: NonNullable<typeof item.outputs> = [];
  for (const each of item.outputs) {
    const id = each.type === 'image' ? idOf(each.url) : null;
    const picture = id === null ? undefined : await find(id);
    if (picture) outputs.push({ type: 'image', url: await dataOf(picture) });
    else if (each.type === 'logs') outputs.push(each);
  }
  return { ...item, outputs };
}
