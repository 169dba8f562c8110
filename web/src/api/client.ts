// Requests to the server that this page came from.

import * as storage from './storage';
import type { components } from './wire';

/** What the server said was wrong, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  get needsKey(): boolean {
    return this.status === 401;
  }
}

const KEY = 'gptoss.key';

export function apiKey(): string | null {
  return storage.read(KEY);
}

/** Keep a key for this browser, or for this tab alone. */
export function keepKey(key: string, forGood: boolean): void {
  storage.keep(KEY, key, !forGood);
}

export function forgetKey(): void {
  storage.forget(KEY);
}

/** One request. Throws ApiError for whatever is not a success. */
export async function request(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = {};
  const key = apiKey();
  if (key !== null) headers['Authorization'] = `Bearer ${key}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let reply: Response;
  try {
    reply = await fetch(path, {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The server does not answer. Is it still running?');
  }
  if (!reply.ok) throw await errorOf(reply);
  return reply;
}

async function errorOf(reply: Response): Promise<ApiError> {
  let message = `The server answered with the status ${reply.status}.`;
  try {
    const body = await reply.json();
    if (typeof body?.error?.message === 'string') message = body.error.message;
  } catch {
    // Not JSON: a proxy's page, say. The status has to do.
  }
  return new ApiError(reply.status, message);
}

export type OfferedTools = components['schemas']['OfferedTools'];

/** What the server runs for the model. */
export async function tools(): Promise<OfferedTools> {
  return (await request('GET', 'v1/tools')).json();
}

export type ModelInfo = components['schemas']['Model'];

export async function models(): Promise<ModelInfo[]> {
  const found: components['schemas']['ModelList'] = await (
    await request('GET', 'v1/models')
  ).json();
  return found.data;
}
