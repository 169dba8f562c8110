import type { FunctionCall, OutputItem } from '../src/api/output';

/** Items as a server writes them. */
export function thought(id: string, text: string): OutputItem {
  const content = text ? [{ type: 'reasoning_text' as const, text }] : [];
  return { id, type: 'reasoning', summary: [], content, status: 'completed' };
}

export function message(id: string, text: string): OutputItem {
  const part = { type: 'output_text' as const, text, annotations: [], logprobs: [] };
  const content = text ? [part] : [];
  const phase = 'final_answer';
  return { id, type: 'message', role: 'assistant', status: 'completed', phase, content };
}

export function call(
  id: string,
  given: string,
  status: FunctionCall['status'] = 'completed',
): FunctionCall {
  return { id, type: 'function_call', call_id: 'call_1', name: 'f', arguments: given, status };
}
