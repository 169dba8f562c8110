// Stream events of a response -> what there is of it so far.

export interface Part {
  type: string;
  text: string;
}

export interface OutputItem {
  id: string;
  type: string;
  status?: string;
  /** Of a message: whether it is the answer, or said before tools are called. */
  phase?: 'commentary' | 'final_answer' | null;
  role?: string;
  content?: Part[];
  summary?: Part[];
  call_id?: string;
  name?: string;
  arguments?: string;
}

export interface Usage {
  input_tokens: number;
  input_tokens_details: { cached_tokens: number };
  output_tokens: number;
  output_tokens_details: { reasoning_tokens: number };
}

export interface Timings {
  queue_s: number;
  prefill_s: number;
  decode_s: number;
  prefill_tokens_per_s: number | null;
  decode_tokens_per_s: number | null;
}

export interface ApiResponse {
  id: string;
  status: 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';
  output: OutputItem[];
  error: { code: string; message: string } | null;
  incomplete_details: { reason: string } | null;
  usage: Usage | null;
  gptoss?: { timings: Timings; repairs: unknown[]; reasoning_cut: boolean };
}

export interface StreamEvent {
  type: string;
  sequence_number: number;
  response?: ApiResponse;
  output_index?: number;
  item?: OutputItem;
  item_id?: string;
  delta?: string;
  total?: number;
  processed?: number;
}

/** Take one event into a response's output, in place. Events that change no item are left alone. */
export function apply(output: OutputItem[], event: StreamEvent): void {
  switch (event.type) {
    case 'response.output_item.added':
    case 'response.output_item.done':
      put(output, event.item!);
      break;
    case 'response.reasoning_text.delta':
      addText(output, event, 'reasoning_text');
      break;
    case 'response.output_text.delta':
      addText(output, event, 'output_text');
      break;
    case 'response.function_call_arguments.delta': {
      const call = itemOf(output, event);
      if (call) call.arguments = (call.arguments ?? '') + event.delta;
      break;
    }
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed':
      putAll(output, event.response!.output);
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
function itemOf(output: OutputItem[], event: StreamEvent): OutputItem | undefined {
  return output.findLast((known) => known.id === event.item_id);
}

function addText(output: OutputItem[], event: StreamEvent, type: string): void {
  const item = itemOf(output, event);
  if (!item) return;
  item.content ??= [];
  if (item.content.length === 0) item.content.push({ type, text: '' });
  item.content[0]!.text += event.delta;
}

/** All text of a message or a chain of thought. */
export function textOf(item: OutputItem): string {
  return (item.content ?? []).map((part) => part.text).join('');
}
