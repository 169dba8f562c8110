// Files that stand in a question as text.

import type { Attachment } from '../conversation/types';

const MAX_BYTES = 1_000_000;

/** The text of a file. Throws with what is wrong with it. */
export async function read(file: File): Promise<Attachment> {
  if (file.size > MAX_BYTES) {
    throw new Error(`${file.name} has ${file.size.toLocaleString()} bytes, wanted at most 1 MB.`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return { name: file.name, text };
  } catch {
    // Said below.
  }
  throw new Error(`${file.name} is no text in UTF-8. The model reads text only.`);
}
