// The Responses API: a turn runs in the background of the server, so that it outlives this page.

import { ApiError, request } from './client';
import { events } from './sse';
import type { StreamEvent } from './output';

const PAUSES_MS = [250, 500, 1000, 2000, 4000];

/** Begin a response; the first event tells its id. */
export async function* create(
  body: Record<string, unknown>,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const asked = { ...body, stream: true, background: true, store: true };
  const reply = await request('POST', 'v1/responses', asked, signal);
  yield* onwards(reply, signal, null, -1);
}

/** The events of a response from its beginning. */
export async function* follow(id: string, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  yield* onwards(await opened(id, -1, signal), signal, id, -1);
}

/** A stream to its last event, begun again where a connection broke. */
async function* onwards(
  reply: Response,
  signal: AbortSignal,
  id: string | null,
  after: number,
): AsyncGenerator<StreamEvent> {
  let failures = 0;
  for (;;) {
    try {
      for await (const data of events(reply.body!)) {
        const event = data as StreamEvent;
        if ('response' in event) id = event.response.id;
        after = event.sequence_number;
        failures = 0;
        yield event;
        if (isLast(event)) return;
      }
    } catch (error) {
      if (signal.aborted) throw error;
    }
    if (id === null) throw new ApiError(0, 'The connection ended before the answer began.');
    for (;;) {
      const pause = PAUSES_MS[failures++];
      if (pause === undefined) {
        throw new ApiError(0, 'The connection broke, and the server does not answer any more.');
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      signal.throwIfAborted();
      try {
        reply = await opened(id, after, signal);
        break;
      } catch (error) {
        // Only silence is worth another try.
        if (!(error instanceof ApiError) || error.status !== 0) throw error;
      }
    }
  }
}

function opened(id: string, after: number, signal: AbortSignal): Promise<Response> {
  const path = `v1/responses/${encodeURIComponent(id)}?stream=true&starting_after=${after}`;
  return request('GET', path, undefined, signal);
}

function isLast(event: StreamEvent): boolean {
  return ['response.completed', 'response.incomplete', 'response.failed'].includes(event.type);
}

/** How many tokens a request's prompt has. */
export async function count(body: Record<string, unknown>): Promise<number> {
  const reply = await request('POST', 'v1/responses/input_tokens', body);
  return ((await reply.json()) as { input_tokens: number }).input_tokens;
}

/** End a response; what there is of it stays. */
export async function cancel(id: string): Promise<void> {
  await request('POST', `v1/responses/${encodeURIComponent(id)}/cancel`, {});
}

/** Have the server forget a response: conversations are kept in this browser alone. */
export async function forget(id: string): Promise<void> {
  try {
    await request('DELETE', `v1/responses/${encodeURIComponent(id)}`);
  } catch {
    // It forgets by itself after a while.
  }
}
