// Stream events of a response -> what there is of it so far.

import type { components } from './wire';

type Schemas = components['schemas'];
export type OutputItem = Schemas['OutputItem'];
export type FunctionCall = Schemas['FunctionCall'];
export type CodeCall = Schemas['CodeInterpreterCall'];
export type McpCall = Schemas['McpCall'];
export type ApprovalRequest = Schemas['McpApprovalRequest'];
/** A call that the server runs. */
export type HostedCall = CodeCall | McpCall;
export type Usage = Schemas['ResponseUsage'];
export type Timings = Schemas['Timings'];
export type ApiResponse = Schemas['Response'];
export type StreamEvent = Schemas['ResponseEvent'];

/** Take one event into a response's output, in place. Events that change no item are left alone. */
export function apply(output: OutputItem[], event: StreamEvent): void {
  switch (event.type) {
    case 'response.output_item.added':
    case 'response.output_item.done':
      put(output, event.item);
      break;
    case 'response.reasoning_text.delta':
    case 'response.output_text.delta':
      addText(output, event);
      break;
    case 'response.function_call_arguments.delta': {
      const call = itemOf(output, event.item_id);
      if (call?.type === 'function_call') call.arguments += event.delta;
      break;
    }
    case 'response.code_interpreter_call_code.delta': {
      const call = itemOf(output, event.item_id);
      if (call?.type === 'code_interpreter_call') call.code += event.delta;
      break;
    }
    case 'response.mcp_call_arguments.delta': {
      const call = itemOf(output, event.item_id);
      if (call?.type === 'mcp_call') call.arguments += event.delta;
      break;
    }
    case 'response.code_interpreter_call.interpreting': {
      const call = itemOf(output, event.item_id);
      if (call?.type === 'code_interpreter_call') call.status = 'interpreting';
      break;
    }
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed':
      putAll(output, event.response.output);
  }
}

function put(output: OutputItem[], item: OutputItem): void {
  const at = output.findLastIndex((known) => known.id === item.id);
  if (at < 0) output.push(item);
  else output[at] = item;
}

function putAll(output: OutputItem[], items: readonly OutputItem[]): void {
  const places = new Map(output.map((known, at) => [known.id, at]));
  for (const item of items) {
    const at = places.get(item.id) ?? output.length;
    places.set(item.id, at);
    output[at] = item;
  }
}

/** The item that an event is of: as a rule the last. */
function itemOf(output: OutputItem[], id: string): OutputItem | undefined {
  return output.findLast((known) => known.id === id);
}

type TextDelta = Schemas['ReasoningTextDelta'] | Schemas['OutputTextDelta'];
type TextItem = Schemas['ReasoningItem'] | Schemas['OutputMessage'];

function addText(output: OutputItem[], event: TextDelta): void {
  const item = itemOf(output, event.item_id);
  if (item?.type !== 'reasoning' && item?.type !== 'message') return;
  put(output, withText(item, textOf(item) + event.delta));
}

/** A message or a chain of thought with another text. */
export function withText(item: TextItem, text: string): TextItem {
  if (item.type === 'reasoning') return { ...item, content: [{ type: 'reasoning_text', text }] };
  const part = item.content[0] ?? { type: 'output_text', annotations: [], logprobs: [] };
  return { ...item, content: [{ ...part, text }] };
}

/** All text of a message or a chain of thought; that of other items is empty. */
export function textOf(item: OutputItem): string {
  return 'content' in item ? item.content.map((part) => part.text).join('') : '';
}
