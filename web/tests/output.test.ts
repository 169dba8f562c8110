import { describe, expect, it } from 'vitest';
import { apply, textOf, type OutputItem, type StreamEvent } from '../src/api/output';

describe('apply', () => {
  it('writes items as their events come', () => {
    const output: OutputItem[] = [];
    const events: Partial<StreamEvent>[] = [
      { type: 'response.output_item.added', item: { id: 'rs', type: 'reasoning', content: [] } },
      { type: 'response.reasoning_text.delta', item_id: 'rs', delta: 'H' },
      { type: 'response.reasoning_text.delta', item_id: 'rs', delta: 'm' },
      { type: 'response.output_item.added', item: { id: 'fc', type: 'function_call' } },
      { type: 'response.function_call_arguments.delta', item_id: 'fc', delta: '{' },
      { type: 'response.function_call_arguments.delta', item_id: 'fc', delta: '}' },
      { type: 'response.output_item.added', item: { id: 'msg', type: 'message' } },
      { type: 'response.output_text.delta', item_id: 'msg', delta: 'A' },
      { type: 'response.something.new', item_id: 'msg', delta: 'ignored' },
      { type: 'response.output_text.delta', item_id: 'unknown', delta: 'ignored' },
    ];
    for (const event of events) apply(output, event as StreamEvent);
    expect(output.map(textOf)).toEqual(['Hm', '', 'A']);
    expect(output[1]!.arguments).toBe('{}');
  });

  it('takes what the last event says', () => {
    const output: OutputItem[] = [{ id: 'msg', type: 'message', content: [] }];
    const whole = { id: 'msg', type: 'message', content: [{ type: 'output_text', text: 'All' }] };
    const last = { type: 'response.completed', response: { output: [whole] } };
    apply(output, last as unknown as StreamEvent);
    expect(output.map(textOf)).toEqual(['All']);
  });
});
