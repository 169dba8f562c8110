import { describe, expect, it } from 'vitest';
import { events } from '../src/api/sse';

function streamOf(pieces: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) {
        controller.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece);
      }
      controller.close();
    },
  });
}

async function all(pieces: (string | Uint8Array)[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const event of events(streamOf(pieces))) found.push(event);
  return found;
}

describe('events', () => {
  const text =
    'event: a\ndata: {"a": "Köln 🏛"}\n\n: ping\n\ndata: {"b":\ndata: 2}\r\n\r\ndata: [DONE]\n\n';
  const wanted = [{ a: 'Köln 🏛' }, { b: 2 }];

  it('reads data, also of several lines, and leaves out signs of life', async () => {
    expect(await all([text])).toEqual(wanted);
  });

  it('does not mind where a stream is cut', async () => {
    const bytes = new TextEncoder().encode(text);
    for (let at = 1; at < bytes.length; at++) {
      expect(await all([bytes.slice(0, at), bytes.slice(at)])).toEqual(wanted);
    }
    expect(await all([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(wanted);
  });

  it('does not tell an event that is not finished', async () => {
    expect(await all(['data: {"a": 1}\n\ndata: {"b"'])).toEqual([{ a: 1 }]);
  });
});
