// Server-sent events: bytes -> their data.

/** The JSON of each event of a stream, as it comes. Comments (signs of life) are left out. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      text += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const parts = text.split(/\r?\n\r?\n/);
      // What stands behind the last empty line is not finished.
      text = parts.pop() ?? '';
      for (const part of parts) {
        const data = dataOf(part);
        if (data !== '' && data !== '[DONE]') yield JSON.parse(data);
      }
      if (done) return;
    }
  } finally {
    // The other end is told that nobody listens any more.
    await reader.cancel().catch(() => undefined);
  }
}

function dataOf(part: string): string {
  return part
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n');
}
