import { describe, expect, it } from 'vitest';
import { apply, textOf, type OutputItem, type StreamEvent } from '../src/api/output';
import { call, message, thought } from './items';

describe('apply', () => {
  it('writes items as their events come', () => {
    const output: OutputItem[] = [];
    const events = [
      { type: 'response.output_item.added', item: thought('rs', '') },
      { type: 'response.reasoning_text.delta', item_id: 'rs', delta: 'H' },
      { type: 'response.reasoning_text.delta', item_id: 'rs', delta: 'm' },
      { type: 'response.output_item.added', item: call('fc', '') },
      { type: 'response.function_call_arguments.delta', item_id: 'fc', delta: '{' },
      { type: 'response.function_call_arguments.delta', item_id: 'fc', delta: '}' },
      { type: 'response.output_item.added', item: message('msg', '') },
      { type: 'response.output_text.delta', item_id: 'msg', delta: 'A' },
      { type: 'response.something.new', item_id: 'msg', delta: 'ignored' },
      { type: 'response.output_text.delta', item_id: 'unknown', delta: 'ignored' },
    ];
    for (const event of events) apply(output, event as unknown as StreamEvent);
    expect(output.map(textOf)).toEqual(['Hm', '', 'A']);
    expect(output[1]).toEqual(call('fc', '{}'));
  });

  it('takes what the last event says', () => {
    const output = [message('msg', '')];
    const last = { type: 'response.completed', response: { output: [message('msg', 'All')] } };
    apply(output, last as unknown as StreamEvent);
    expect(output.map(textOf)).toEqual(['All']);
  });
});
