// Server-sent events: bytes -> their data.

/** The JSON of each event of a stream, as it comes. Comments (signs of life) are left out. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  const lines = new Lines();
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      // What stands behind the last empty line is not finished.
      if (done) return;
      for (const line of lines.take(decoder.decode(value, { stream: true }))) {
        if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
        else if (line === '' && data.length > 0) {
          const whole = data.join('\n');
          data = [];
          if (whole !== '' && whole !== '[DONE]') yield JSON.parse(whole);
        }
      }
    }
  } finally {
    // The other end is told that nobody listens any more.
    await reader.cancel().catch(() => undefined);
  }
}

/** Pieces of text -> lines. Each piece is looked at once, however long a line is that it belongs to. */
class Lines {
  private begun: string[] = [];

  /** The lines that end in a piece. */
  *take(piece: string): Generator<string> {
    let from = 0;
    for (let at; (at = piece.indexOf('\n', from)) >= 0; from = at + 1) {
      this.begun.push(piece.slice(from, at));
      const line = this.begun.join('');
      this.begun = [];
      yield line.endsWith('\r') ? line.slice(0, -1) : line;
    }
    if (from < piece.length) this.begun.push(piece.slice(from));
  }
}
