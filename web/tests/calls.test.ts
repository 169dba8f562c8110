import { describe, expect, it } from 'vitest';
import {
  apply,
  type CodeCall,
  type McpCall,
  type OutputItem,
  type StreamEvent,
} from '../src/api/output';
import {
  codeOf,
  openDecisions,
  openRequests,
  picturesOf,
  resultOf,
  stateOf,
} from '../src/conversation/calls';
import { bodyOf } from '../src/conversation/input';
import { partsOf } from '../src/conversation/parts';
import { dataOf, filled, idOf, lifted, pictureOf } from '../src/conversation/pictures';
import { fromJson, toJson, toMarkdown } from '../src/conversation/transfer';
import { DEFAULT_OPTIONS, type AssistantTurn } from '../src/conversation/types';
import { call, message, thought } from './items';

// A pixel.
const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

function python(more: Partial<CodeCall> = {}): CodeCall {
  return {
    id: 'ci_1',
    type: 'code_interpreter_call',
    status: 'completed',
    code: '6 * 7',
    container_id: 'cntr_1',
    outputs: [
      { type: 'logs', logs: '42' },
      { type: 'image', url: PNG },
    ],
    gptoss: { ending: 'finished', seconds: 0.5 },
    ...more,
  };
}

function mcp(more: Partial<McpCall> = {}): McpCall {
  return {
    id: 'mcp_1',
    type: 'mcp_call',
    status: 'completed',
    server_label: 'gptoss',
    name: 'add',
    arguments: '{"a": 1}',
    output: '1',
    error: null,
    approval_request_id: null,
    ...more,
  };
}

function request(id: string, more: Partial<OutputItem> = {}): OutputItem {
  const asked = {
    id,
    type: 'mcp_approval_request',
    server_label: 'gptoss',
    name: 'add',
    arguments: '{}',
  };
  return { ...asked, ...more } as OutputItem;
}

function turnOf(more: Partial<AssistantTurn>): AssistantTurn {
  return {
    id: 'a',
    parent: null,
    created: 0,
    role: 'assistant',
    status: 'done',
    kept: [],
    goesOn: null,
    output: [],
    began: 0,
    options: { ...DEFAULT_OPTIONS, usesPython: false, usesFunctions: false },
    seed: 7,
    error: null,
    responseId: null,
    usage: null,
    timings: null,
    numRepairs: 0,
    firstTextMs: null,
    thoughtMs: null,
    ...more,
  };
}

function file(output: unknown[]): string {
  const turns = { a: { id: 'a', parent: null, role: 'assistant', status: 'done', output } };
  const conversations = [{ title: 'T', turns, leaf: 'a' }];
  return JSON.stringify({ format: 'gptoss-conversations', version: 1, conversations });
}

describe('calls that the server runs', () => {
  it('are written as their events come', () => {
    const output: OutputItem[] = [];
    const half = python({ status: 'in_progress', code: '', outputs: null, gptoss: undefined });
    const events = [
      { type: 'response.output_item.added', item: half },
      { type: 'response.code_interpreter_call_code.delta', item_id: 'ci_1', delta: '6 *' },
      { type: 'response.code_interpreter_call_code.delta', item_id: 'ci_1', delta: ' 7' },
      { type: 'response.code_interpreter_call.interpreting', item_id: 'ci_1' },
    ];
    for (const event of events) apply(output, event as unknown as StreamEvent);
    expect(output).toEqual([{ ...half, code: '6 * 7', status: 'interpreting' }]);
    apply(output, { type: 'response.output_item.done', item: python() } as unknown as StreamEvent);
    expect(output).toEqual([python()]);
  });

  it('stand between thoughts and texts, in the order in which they were', () => {
    const items = [
      ...[thought('r1', 'a'), thought('r2', 'b'), python(), thought('r3', 'c')],
      ...[request('mcpr_1'), mcp(), call('fc', '{}'), message('m', 'Done')],
    ];
    const { parts, functions } = partsOf(items);
    expect(parts.map((part) => [part.kind, part.id])).toEqual([
      ['thoughts', 'r1'],
      ['call', 'ci_1'],
      ['thoughts', 'r3'],
      ['call', 'mcp_1'],
      ['said', 'm'],
    ]);
    expect(functions.map(({ id }) => id)).toEqual(['fc']);
  });

  it.each([
    [python({ status: 'in_progress', gptoss: undefined }), true, 'writing'],
    [python({ status: 'interpreting', gptoss: undefined }), true, 'running'],
    [python({ status: 'interpreting', gptoss: undefined }), false, 'broken'],
    [mcp({ status: 'in_progress' }), true, 'running'],
    [mcp({ status: 'failed' }), false, 'failed'],
    [mcp(), false, 'done'],
    [python({ gptoss: { ending: 'error', seconds: 1 } }), false, 'failed'],
    [python({ gptoss: { ending: 'timeout', seconds: 1 } }), false, 'late'],
    [python({ gptoss: { ending: 'cancelled', seconds: 1 } }), true, 'stopped'],
    [mcp({ gptoss: { ending: 'denied', seconds: 0 } }), false, 'denied'],
    [mcp({ gptoss: { ending: 'skipped', seconds: 0 } }), false, 'skipped'],
  ] as const)('know how they went (%#)', (item, isLive, state) => {
    expect(stateOf(item, isLive)).toBe(state);
  });

  it('have results, of failures too', () => {
    expect(resultOf(python())).toBe('42');
    expect(resultOf(python({ outputs: null }))).toBeNull();
    expect(resultOf(mcp())).toBe('1');
    const content = { any: 'thing' };
    const error = { type: 'mcp_tool_execution_error' as const, content };
    expect(resultOf(mcp({ output: null, error }))).toBe('{"any":"thing"}');
    const http = { type: 'http_error' as const, code: 500, message: 'no' };
    expect(resultOf(mcp({ output: null, error: http }))).toBe('no');
  });
});

describe('calls in requests', () => {
  it('are asked for as the options say', () => {
    const options = { ...DEFAULT_OPTIONS, tools: '[{"type": "function", "name": "f"}]' };
    const body = bodyOf([], turnOf({ options }));
    expect(body.tools).toEqual([
      { type: 'code_interpreter', container: { type: 'auto' } },
      { type: 'mcp', server_label: 'gptoss' },
      { type: 'function', name: 'f' },
    ]);
    expect(body.include).toEqual(['code_interpreter_call.outputs']);
    expect(bodyOf([], turnOf({})).tools).toBeUndefined();
  });

  it('go back with what the model has read, and without pictures', () => {
    const asked = python({ approval_request_id: 'mcpr_0' });
    const output = [thought('r', 'Hm'), request('mcpr_0'), asked, mcp(), message('m', 'Done')];
    const input = bodyOf([turnOf({ output })], turnOf({})).input as Record<string, unknown>[];
    expect(input.map((item) => item.type ?? item.role)).toEqual([
      ...['reasoning', 'code_interpreter_call', 'mcp_call', 'assistant'],
    ]);
    expect(input[1]).toEqual({
      type: 'code_interpreter_call',
      status: 'completed',
      code: '6 * 7',
      container_id: 'cntr_1',
      outputs: [{ type: 'logs', logs: '42' }],
    });
    expect(input[2]).not.toHaveProperty('id');
  });

  it('that wait go back as they came, with what was decided on them', () => {
    const kept = [thought('r', 'Hm'), request('mcpr_1'), request('mcpr_2'), request('mcpr_3')];
    const decisions = {
      mcpr_1: { isApproved: true, reason: 'none' },
      mcpr_2: { isApproved: false, reason: 'not now' },
      mcpr_3: { isApproved: false, reason: '' },
    };
    const input = bodyOf([], turnOf({ kept, goesOn: 'calls', decisions })).input as unknown[];
    expect(input.slice(1)).toEqual([
      ...kept.slice(1),
      { type: 'mcp_approval_response', approval_request_id: 'mcpr_1', approve: true },
      {
        type: 'mcp_approval_response',
        approval_request_id: 'mcpr_2',
        approve: false,
        reason: 'not now',
      },
      {
        type: 'mcp_approval_response',
        approval_request_id: 'mcpr_3',
        approve: false,
        reason: null,
      },
    ]);
    // Of an earlier answer the request alone: nobody has decided while it could be.
    const later = bodyOf([turnOf({ output: kept, decisions })], turnOf({})).input as unknown[];
    expect(later).toHaveLength(4);
  });

  it('wait while nothing has come of them', () => {
    const items = [request('mcpr_0'), mcp(), request('mcpr_1'), request('mcpr_2')];
    expect(openRequests(items).map(({ id }) => id)).toEqual(['mcpr_1', 'mcpr_2']);
    expect(openRequests([...items, message('m', '')])).toEqual([]);
    const decided = { mcpr_1: { isApproved: true, reason: '' } };
    expect(openDecisions(turnOf({ output: items, decisions: decided }))).toEqual(decided);
    const all = { ...decided, mcpr_2: { isApproved: true, reason: '' } };
    expect(openDecisions(turnOf({ output: items, decisions: all }))).toEqual({});
  });

  it('of Python say their code', () => {
    const asked = { server_label: 'code_interpreter', name: 'python' };
    const codes = ['{"code": "6 * 7"}', '{"code": 6}', '{', '[]'].map((given) =>
      codeOf(request('mcpr', { ...asked, arguments: given } as Partial<OutputItem>) as never),
    );
    expect(codes).toEqual(['6 * 7', '{"code": 6}', '{', '[]']);
    expect(codeOf(request('mcpr') as never)).toBeNull();
  });
});

describe('pictures', () => {
  it('are kept apart, and come back into files', async () => {
    const kept = new Map<string, Blob>();
    const apart = lifted(python(), (id, picture) => kept.set(id, picture)) as CodeCall;
    const [url] = picturesOf(apart);
    expect(idOf(url!)).toBe('ci_1.1');
    expect(kept.get('ci_1.1')?.type).toBe('image/png');
    // Once more: they are kept already.
    expect(lifted(apart, () => expect.fail())).toEqual(apart);
    expect(await filled(apart, async (id) => kept.get(id))).toEqual(python());
    expect(picturesOf((await filled(apart, async () => undefined)) as CodeCall)).toEqual([]);
  });

  it.each([
    'data:image/svg+xml;base64,PHN2Zy8+',
    'data:text/html;base64,PGI+',
    'data:image/png;base64,%',
    'http://127.0.0.1/x.png',
    'javascript:alert(1)',
    '',
  ])('are none: %s', (url) => {
    expect(pictureOf(url)).toBeNull();
    const outputs: CodeCall['outputs'] = [{ type: 'image', url }];
    const [shown] = picturesOf(lifted(python({ outputs }), () => expect.fail()) as CodeCall);
    expect(idOf(shown!)).toBe('ci_1.0');
  });

  it('are as large as they may be', async () => {
    const bytes = new Uint8Array(2_000_000).map((_, at) => at % 251);
    const url = await dataOf(new Blob([bytes], { type: 'image/png' }));
    expect(pictureOf(url)?.size).toBe(bytes.length);
  });
});

describe('calls in files', () => {
  it('are exported and taken, with who may decide left open', () => {
    const output = [thought('r', 'Hm'), python(), mcp(), request('mcpr_1')];
    const [first] = fromJson(file(output));
    const turn = first!.turns.a as AssistantTurn;
    const without = turn.output.map((item) => ({ ...item, id: '' }));
    expect(without).toEqual(output.map((item) => ({ ...item, id: '' })));
    // A decision is bound to the server's id.
    expect(turn.output[3]!.id).toBe('mcpr_1');
    turn.decisions = { mcpr_1: { isApproved: true, reason: '' } };
    const [second] = fromJson(toJson([first!]));
    expect((second!.turns.a as AssistantTurn).decisions).toBeUndefined();
    expect(toMarkdown(second!)).toContain(
      'Python:\n\n```python\n6 * 7\n```\n\nResult:\n\n```\n42\n```\n\n*(a picture)*\n\n' +
        'Call of `add`:\n\n```json\n{"a": 1}\n```\n\nResult:\n\n```\n1\n```',
    );
  });

  it('are sound whatever is there', () => {
    const types = ['code_interpreter_call', 'mcp_call', 'mcp_approval_request', 'function_call'];
    const values = [7, null, {}, [], 'x'];
    const odd = types.flatMap((type) =>
      values.map((value) => ({
        type,
        ...Object.fromEntries(
          ['code', 'outputs', 'name', 'arguments', 'output', 'error', 'gptoss'].map((name) => [
            name,
            value,
          ]),
        ),
      })),
    );
    const [made] = fromJson(file(odd));
    const { parts, functions } = partsOf((made!.turns.a as AssistantTurn).output);
    expect(parts.length + functions.length).toBe(15);
    for (const part of parts)
      if (part.kind === 'call') expect(stateOf(part.item, false)).toBe('broken');
    expect(toMarkdown(made!)).toContain('Python:');
  });
});
