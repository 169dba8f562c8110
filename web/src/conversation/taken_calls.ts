// Calls of a file that anybody may have written -> calls as a server writes them.

import type { CodeCall, HostedCall, McpCall, OutputItem } from '../api/output';
import { list, number, object, string, type Loose } from './loose';

type CallType = 'function_call' | 'code_interpreter_call' | 'mcp_call' | 'mcp_approval_request';
type Facts = NonNullable<HostedCall['gptoss']>;

const ENDINGS: Facts['ending'][] = [
  ...(['finished', 'error', 'timeout'] as const),
  ...(['cancelled', 'denied', 'skipped'] as const),
];

/** A call with another id. Who allowed it is not taken: an approval is this browser's to give. */
export function callOf(type: CallType, id: string, from: Loose): OutputItem {
  const name = string(from.name);
  const given = { name, arguments: string(from.arguments) };
  switch (type) {
    case 'function_call':
      return { id, type, status: 'completed', call_id: string(from.call_id), ...given };
    case 'mcp_approval_request':
      // What is decided is bound to the server's id.
      return { id: string(from.id) || id, type, server_label: string(from.server_label), ...given };
    case 'mcp_call':
      return { id, type, server_label: 'gptoss', ...given, ...endOf(from), ...mcpResultOf(from) };
    case 'code_interpreter_call': {
      const container_id = string(from.container_id);
      const outputs = Array.isArray(from.outputs) ? list(from.outputs).map(outputOf) : null;
      return { id, type, code: string(from.code), container_id, outputs, ...endOf(from) };
    }
  }
}

function endOf(from: Loose): Pick<HostedCall, 'gptoss'> & { status: 'completed' | 'incomplete' } {
  const status = from.status === 'completed' ? 'completed' : 'incomplete';
  const facts = object(from.gptoss);
  const ending = ENDINGS.find((each) => each === facts.ending);
  const seconds = number(facts.seconds);
  return ending && seconds !== null ? { status, gptoss: { ending, seconds } } : { status };
}

function mcpResultOf(from: Loose): Pick<McpCall, 'output' | 'error' | 'approval_request_id'> {
  const { content } = object(from.error);
  const output = typeof from.output === 'string' ? from.output : null;
  const error =
    typeof content === 'string' ? { type: 'mcp_tool_execution_error' as const, content } : null;
  return { output, error, approval_request_id: null };
}

function outputOf(from: Loose): NonNullable<CodeCall['outputs']>[number] {
  return from.type === 'image'
    ? { type: 'image', url: string(from.url) }
    : { type: 'logs', logs: string(from.logs) };
}
