// The turns before an answer, and how it is asked for -> the body of a request.

import { fenced } from '../text/fence';
import { DEEPEST, depthOf } from '../text/json';
import { isHosted, openRequests } from './calls';
import { itemsOf } from './items';
import type { AssistantTurn, Attachment, Turn } from './types';
import { textOf, type HostedCall, type OutputItem } from '../api/output';

type Json = Record<string, unknown>;

/** The body of `/v1/responses` for the turns that stand before an answer. */
export function bodyOf(turns: readonly Turn[], answer: AssistantTurn): Json {
  const { options } = answer;
  const body: Json = {
    input: turns.flatMap(sentOf).concat(sentItems(answer.kept), decisionsOf(answer)),
    reasoning: { effort: options.effort },
    seed: answer.seed,
  };
  if (options.instructions.trim()) body.instructions = options.instructions;
  if (options.temperature !== null) body.temperature = options.temperature;
  if (options.topP !== null) body.top_p = options.topP;
  if (options.maxTokens !== null) body.max_output_tokens = options.maxTokens;
  if (answer.goesOn === 'text') body.continue_final_message = true;
  // Thoughts that were cut short are not to go on.
  if (answer.goesOn === 'answer') body.reasoning_tokens = 0;
  else if (options.reasoningTokens !== null) body.reasoning_tokens = options.reasoningTokens;
  if (options.schema.trim()) {
    const schema = parsed(options.schema, 'The schema');
    body.text = { format: { type: 'json_schema', name: 'answer', schema, strict: true } };
  }
  const tools: unknown[] = [];
  if (options.usesPython) {
    tools.push({ type: 'code_interpreter', container: { type: 'auto' } });
    body.include = ['code_interpreter_call.outputs'];
  }
  if (options.usesFunctions) tools.push({ type: 'mcp', server_label: 'gptoss' });
  if (options.tools.trim()) {
    const given = parsed(options.tools, 'The tools');
    if (!Array.isArray(given)) throw new Error('The tools must be a JSON list of functions.');
    tools.push(...given.map(flat));
  }
  if (tools.length > 0 || options.tools.trim()) body.tools = tools;
  return body;
}

/** What a person has decided on the calls that an answer ended with. */
function decisionsOf(answer: AssistantTurn): Json[] {
  if (answer.goesOn !== 'calls') return [];
  return openRequests(answer.kept).flatMap(({ id }) => {
    const decision = answer.decisions?.[id];
    if (!decision) return [];
    const decided = { approval_request_id: id, approve: decision.isApproved };
    const reason = decision.isApproved ? {} : { reason: decision.reason || null };
    return [{ type: 'mcp_approval_response', ...decided, ...reason }];
  });
}

/** The JSON of a text of the user's. Throws with its name and what is wrong. */
export function parsed(text: string, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const depth = depthOf(text);
  if (depth > DEEPEST) {
    throw new Error(`${what} is nested ${depth} deep, wanted at most ${DEEPEST}.`);
  }
  return value;
}

/** Declarations of Chat Completions have the function one level deeper. */
function flat(tool: unknown): unknown {
  const inner = (tool as Json | null)?.['function'];
  return inner && typeof inner === 'object' ? { type: 'function', ...inner } : tool;
}

function sentOf(turn: Turn): Json[] {
  switch (turn.role) {
    case 'user':
      return [{ role: 'user', content: withAttachments(turn.text, turn.attachments) }];
    case 'tool':
      return turn.results.map((result) => ({ type: 'function_call_output', ...result }));
    case 'assistant':
      return sentItems(itemsOf(turn));
  }
}

/** Items as they are sent back. Of a call that was asked for and decided on, the call says all. */
function sentItems(items: readonly OutputItem[]): Json[] {
  const open = new Set(openRequests(items).map(({ id }) => id));
  return items
    .filter((item) => item.type !== 'mcp_approval_request' || open.has(item.id))
    .filter(isWhole)
    .map(sent);
}

/** A call that was cut short has no arguments that are JSON, and no result. */
function isWhole(item: OutputItem): boolean {
  return !('call_id' in item) || item.status === 'completed';
}

function sent(item: OutputItem): Json {
  // Ids are the server's, which may have forgotten them.
  switch (item.type) {
    case 'reasoning':
      return { type: 'reasoning', summary: [], content: item.content };
    case 'function_call': {
      const { type, call_id, name } = item;
      return { type, call_id, name, arguments: item.arguments };
    }
    case 'message':
      return {
        role: 'assistant',
        content: textOf(item),
        phase: item.phase ?? 'final_answer',
      };
    case 'mcp_approval_request':
      // Its id says what a decision is bound to.
      return { ...item };
    default: {
      // Calls of tools that are not functions go back as they came.
      const { id: _, ...call } = item;
      return isHosted(item) ? hostedSent(item) : call;
    }
  }
}

/** A call that the server has run, with what the model has read of it. */
function hostedSent(call: HostedCall): Json {
  const { id: _, approval_request_id: __, gptoss: ___, ...rest } = call;
  if (rest.type === 'mcp_call' || !rest.outputs) return rest;
  return { ...rest, outputs: rest.outputs.filter((each) => each.type === 'logs') };
}

/** Files stand before the question, each between fences that nothing in it can end. */
export function withAttachments(text: string, attachments: readonly Attachment[]): string {
  const files = attachments.map(
    (file) => `File ${JSON.stringify(file.name)}:\n${fenced(file.text)}`,
  );
  return [...files, text].filter((part) => part !== '').join('\n\n');
}
