// @vitest-environment node
import { message } from '../items';
import { stepsOf } from './steps';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { apply, type OutputItem, type StreamEvent } from '../../src/api/output';
import { events } from '../../src/api/sse';
import { bodyOf, withAttachments } from '../../src/conversation/input';
import { partsOf } from '../../src/conversation/parts';
import { fromJson } from '../../src/conversation/transfer';
import * as tree from '../../src/conversation/tree';
import { DEFAULT_OPTIONS, type AssistantTurn, type Turn } from '../../src/conversation/types';
import { pretty } from '../../src/text/json';
import { lastLineOf, piecesOf } from '../../src/text/pieces';
import { clamped, printed } from '../../src/text/terminal';

function user(id: string, parent: string | null): Turn {
  return { id, parent, created: 0, role: 'user', text: '', attachments: [] };
}

/** Turns one after the other, the last one first. */
function chain(num: number, first: string | null): Record<string, Turn> {
  const turns: Record<string, Turn> = {};
  for (let at = num - 1; at >= 0; at--) turns[`t${at}`] = user(`t${at}`, at ? `t${at - 1}` : first);
  return turns;
}

function imported(num: number): string {
  const conversations = [{ title: 'T', turns: chain(num, null), leaf: `t${num - 1}` }];
  return JSON.stringify({ format: 'gptoss-conversations', version: 1, conversations });
}

function items(num: number): OutputItem[] {
  return Array.from({ length: num }, (_, at) => message(`i${at}`, ''));
}

function called(num: number): OutputItem[] {
  const call = { type: 'mcp_call', status: 'completed', name: 'f', arguments: '' };
  return Array.from({ length: num }, (_, at) => ({ ...call, id: `c${at}` }) as OutputItem);
}

function waiting(num: number): AssistantTurn {
  const kept = Array.from({ length: num }, (_, at) => ({
    ...{ id: `r${at}`, type: 'mcp_approval_request', name: 'f', arguments: '' },
  })) as OutputItem[];
  const all = kept.map(({ id }) => [id, { isApproved: true, reason: '' }]);
  const decisions = Object.fromEntries(all);
  const options = { ...DEFAULT_OPTIONS };
  return { kept, decisions, options, output: [], goesOn: 'calls' } as unknown as AssistantTurn;
}

function finished(num: number): StreamEvent {
  return { type: 'response.completed', response: { output: items(num) } } as unknown as StreamEvent;
}

/** Each grows with its number, and so may its steps, but not faster. */
const WORK: Record<string, (num: number) => () => unknown> = {
  'turns one after the other': (num) => () => tree.mend(chain(num, null)),
  'turns in a circle': (num) => () => tree.mend(chain(num, `t${num - 1}`)),
  'turns that begin nowhere': (num) => () => tree.mend(chain(num, 'gone')),
  'turns of a file': (num) => () => fromJson(imported(num)),
  'items of an answer': (num) => () => apply(items(num), finished(num)),
  'items that are new at its end': (num) => () => apply([], finished(num)),
  'backticks in a file': (num) => () => withAttachments('', [{ name: '', text: '` '.repeat(num) }]),
  'brackets in arguments': (num) => () => pretty('['.repeat(num) + ']'.repeat(num)),
  'lists in arguments': (num) => () => pretty(JSON.stringify(Array(num).fill([1]))),
  'quotes in arguments': (num) => () => pretty('"\\"[' + '\\"['.repeat(num)),
  'escapes without an end': (num) => () => printed('\u001b]'.repeat(num)),
  'colours without an end': (num) => () => printed('\u001b[' + '0;'.repeat(num)),
  'lines that are written over': (num) => () => printed('a\r'.repeat(num)),
  'lines of output': (num) => () => clamped(printed('a\n'.repeat(num))),
  'one line of output': (num) => () => clamped(printed('\u202e'.repeat(num))),
  'calls of an answer': (num) => () => partsOf(called(num)),
  'requests of an answer': (num) => () => bodyOf([], waiting(num)),
  'lines of a thought': (num) => () => [piecesOf('a\n'.repeat(num)), lastLineOf('a\n'.repeat(num))],
};

describe('twice as much', () => {
  it.each(Object.entries(WORK))('takes twice the steps: %s', (_, work) => {
    work(1_000)();
    const steps = stepsOf(work(4_000));
    expect(stepsOf(work(8_000))).toBeLessThan(2.3 * steps + 500);
  });

  it('is made of as many characters: JSON that is nested deep', () => {
    const text = '['.repeat(100) + ']'.repeat(100);
    expect(pretty(text).split('\n')).toHaveLength(199);
    expect(pretty(`[${text}]`)).toBe(`[${text}]`);
    expect(pretty('{"a": "[[["}')).toBe('{\n  "a": "[[["\n}');
    expect(pretty('{"a"')).toBe('{"a"');
  });
});

/** The bytes of an event, some at a time. */
function streamed(size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(`data: "${'x'.repeat(size)}"\n\n`);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.slice(at, (at += 10)));
      if (at >= bytes.length) controller.close();
    },
  });
}

async function read(size: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const event of events(streamed(size))) found.push(event);
  return found;
}

/** All that is looked for in texts, by how long they are: what a search itself does, V8 does not tell. */
function countSearched(): () => number {
  let searched = 0;
  for (const name of ['indexOf', 'split', 'search', 'match', 'replace'] as const) {
    const real = String.prototype[name] as (this: string, ...args: unknown[]) => never;
    vi.spyOn(String.prototype, name).mockImplementation(function (
      this: string,
      ...args: unknown[]
    ) {
      searched += this.length;
      return real.apply(this, args);
    });
  }
  return () => searched;
}

describe('an event that comes in small pieces', () => {
  afterEach(() => vi.restoreAllMocks());

  it('has each of its characters looked at once', async () => {
    const searched = countSearched();
    const found = await read(20_000);
    const num = searched();
    vi.restoreAllMocks();
    expect(found).toEqual(['x'.repeat(20_000)]);
    expect(num).toBeGreaterThanOrEqual(20_000);
    expect(num).toBeLessThan(3 * 20_000);
  });
});
