// Calls that the server runs, and those that wait for a person.

import type { ApprovalRequest, HostedCall, OutputItem } from '../api/output';
import { itemsOf } from './items';
import type { AssistantTurn, Decision } from './types';

export function isHosted(item: OutputItem): item is HostedCall {
  return item.type === 'code_interpreter_call' || item.type === 'mcp_call';
}

/** The items at an answer's end that ask for calls: those before others were decided on. */
export function openRequests(items: readonly OutputItem[]): ApprovalRequest[] {
  const last = items.findLastIndex((item) => item.type !== 'mcp_approval_request');
  return items.slice(last + 1) as ApprovalRequest[];
}

/** What is decided of them while others wait. Where all were, and none has been run, it is asked anew. */
export function openDecisions(turn: AssistantTurn): Record<string, Decision> {
  const decisions = turn.decisions ?? {};
  const open = openRequests(itemsOf(turn));
  return open.every(({ id }) => decisions[id]) ? {} : decisions;
}

/** The code of a request for Python; null for one for a function. */
export function codeOf(request: ApprovalRequest): string | null {
  if (request.server_label !== 'code_interpreter') return null;
  try {
    const { code } = JSON.parse(request.arguments) as { code?: unknown };
    if (typeof code === 'string') return code;
  } catch {
    // Not what a server of ours writes.
  }
  return request.arguments;
}

/** What came of a call, as text: what the model has read of it. */
export function resultOf(call: HostedCall): string | null {
  if (call.type === 'code_interpreter_call') {
    const logs = (call.outputs ?? []).filter((each) => each.type === 'logs');
    return call.outputs ? logs.map((each) => each.logs).join('\n') : null;
  }
  const error = call.error;
  if (error?.type === 'mcp_tool_execution_error') {
    return typeof error.content === 'string' ? error.content : JSON.stringify(error.content);
  }
  return error ? error.message : (call.output ?? null);
}

/** The pictures of a call, as they are referred to. */
export function picturesOf(call: HostedCall): string[] {
  if (call.type !== 'code_interpreter_call') return [];
  return (call.outputs ?? []).flatMap((each) => (each.type === 'image' ? [each.url] : []));
}

export type CallState =
  'writing' | 'running' | 'done' | 'failed' | 'late' | 'stopped' | 'denied' | 'skipped' | 'broken';

/** How far a call is, or how it ended; `isLive`: whether its answer is still being written. */
export function stateOf(call: HostedCall, isLive: boolean): CallState {
  switch (call.gptoss?.ending) {
    case 'finished':
      return 'done';
    case 'error':
      return 'failed';
    case 'timeout':
      return 'late';
    case 'cancelled':
      return 'stopped';
    case 'denied':
      return 'denied';
    case 'skipped':
      return 'skipped';
  }
  switch (call.status) {
    case 'completed':
      return 'done';
    case 'failed':
      return 'failed';
    case 'incomplete':
      return 'broken';
    case 'in_progress':
      // A function's is told once it is written.
      if (isLive) return call.type === 'mcp_call' ? 'running' : 'writing';
      return 'broken';
    default:
      return isLive ? 'running' : 'broken';
  }
}
