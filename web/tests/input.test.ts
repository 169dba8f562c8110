import { describe, expect, it } from 'vitest';
import { textOf, type FunctionCall, type OutputItem } from '../src/api/output';
import { bodyOf, withAttachments } from '../src/conversation/input';
import { canGoOn, itemsOf } from '../src/conversation/items';
import {
  DEFAULT_OPTIONS,
  type AssistantTurn,
  type Options,
  type Turn,
} from '../src/conversation/types';
import { call, message, thought } from './items';

const asked: Turn = {
  id: 'u',
  parent: null,
  created: 0,
  role: 'user',
  text: 'Hello',
  attachments: [],
};

/** As they are asked with where the server runs no tools. */
const HIGH: Options = {
  ...DEFAULT_OPTIONS,
  effort: 'high',
  usesPython: false,
  usesFunctions: false,
};

function answerOf(
  output: OutputItem[],
  kept: OutputItem[] = [],
  options: Options = HIGH,
): AssistantTurn {
  return {
    id: 'a',
    parent: 'u',
    created: 0,
    role: 'assistant',
    status: 'done',
    kept,
    goesOn: null,
    output,
    began: 0,
    options,
    seed: 7,
    error: null,
    responseId: null,
    usage: null,
    timings: null,
    numRepairs: 0,
    firstTextMs: null,
    thoughtMs: null,
  };
}

const hm = thought('rs_1', 'Hm');

describe('bodyOf', () => {
  it('says nothing of what was left open', () => {
    expect(bodyOf([asked], answerOf([]))).toEqual({
      input: [{ role: 'user', content: 'Hello' }],
      reasoning: { effort: 'high' },
      seed: 7,
    });
  });

  it('has every option', () => {
    const options = {
      ...HIGH,
      instructions: 'Be brief',
      temperature: 0,
      topP: 0.5,
      maxTokens: 9,
      reasoningTokens: 4,
      schema: '{"type": "object"}',
      tools: '[{"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "g"}]',
    };
    expect(bodyOf([asked], answerOf([], [], options))).toMatchObject({
      instructions: 'Be brief',
      temperature: 0,
      top_p: 0.5,
      max_output_tokens: 9,
      reasoning_tokens: 4,
      text: { format: { type: 'json_schema', strict: true, schema: { type: 'object' } } },
      tools: [
        { type: 'function', name: 'f' },
        { type: 'function', name: 'g' },
      ],
    });
  });

  it('tells what of the user is no JSON', () => {
    const wrong = { ...HIGH, schema: '{' };
    expect(() => bodyOf([asked], answerOf([], [], wrong))).toThrow('The schema is not JSON');
    const object = { ...HIGH, tools: '{}' };
    expect(() => bodyOf([asked], answerOf([], [], object))).toThrow('must be a JSON list');
  });

  it('tells what of the user is nested too deep', () => {
    const schema = '{"a":'.repeat(101) + '1' + '}'.repeat(101);
    const deep = { ...HIGH, schema };
    expect(() => bodyOf([asked], answerOf([], [], deep))).toThrow(
      'nested 101 deep, wanted at most 100',
    );
  });

  it('goes on from thoughts that were cut, and ends them', () => {
    const answer = { ...answerOf([], [hm]), goesOn: 'answer' as const };
    const body = bodyOf([asked], answer);
    expect(body.continue_final_message).toBe(undefined);
    expect(body.reasoning_tokens).toBe(0);
    expect(body.input).toEqual([
      { role: 'user', content: 'Hello' },
      { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Hm' }] },
    ]);
  });

  it('goes on in the middle of a text', () => {
    const cut = { ...answerOf([], [hm, message('msg_1', 'One')]), goesOn: 'text' as const };
    const body = bodyOf([asked], { ...cut, options: { ...HIGH, reasoningTokens: 5 } });
    expect(body).toMatchObject({ continue_final_message: true, reasoning_tokens: 5 });
    expect((body.input as unknown[]).at(-1)).toMatchObject({ role: 'assistant', content: 'One' });
    expect(canGoOn(cut)).toBe(true);

    const whole = { ...cut, output: [message('msg_2', ' and two')] };
    expect(itemsOf(whole).map(textOf)).toEqual(['Hm', 'One and two']);
    const next = bodyOf([asked, whole], answerOf([]));
    expect((next.input as unknown[]).at(-1)).toMatchObject({ content: 'One and two' });
    expect(itemsOf({ ...whole, goesOn: null })).toHaveLength(3);
  });

  it('sends calls back that are whole', () => {
    type Status = FunctionCall['status'];
    const turns = (status: Status) => [asked, answerOf([call('fc_1', '{}', status)])];
    const kinds = (status: Status) =>
      (bodyOf(turns(status), answerOf([])).input as { type?: string }[]).map((item) => item.type);
    expect(kinds('completed')).toEqual([undefined, 'function_call']);
    expect(kinds('incomplete')).toEqual([undefined]);
  });
});

describe('withAttachments', () => {
  it('takes files of any number of backticks', () => {
    const text = '` '.repeat(200_000);
    expect(withAttachments('', [{ name: 'a', text }])).toBe(`File "a":\n\`\`\`\n${text}\n\`\`\``);
  });

  it('has fences that no file ends', () => {
    const text = withAttachments('?', [{ name: 'a"b\n.txt', text: 'x\n`````\ny' }]);
    expect(text).toBe('File "a\\"b\\n.txt":\n``````\nx\n`````\ny\n``````\n\n?');
  });
});
