// An answer as it is shown: what was thought, said and called, in the order in which it happened.

import type { ApprovalRequest, FunctionCall, HostedCall, OutputItem } from '../api/output';
import { isHosted, openRequests } from './calls';

type Thought = OutputItem & { type: 'reasoning' };
type Said = OutputItem & { type: 'message' };

export type Part =
  | { kind: 'thoughts'; id: string; items: Thought[] }
  | { kind: 'said'; id: string; item: Said }
  | { kind: 'call'; id: string; item: HostedCall }
  | { kind: 'request'; id: string; item: ApprovalRequest };

export interface Parts {
  parts: Part[];
  /** Calls that whoever asked has to run: an answer ends with them. */
  functions: FunctionCall[];
}

/** Thoughts that follow each other are one part; requests that were decided on are their calls. */
export function partsOf(items: readonly OutputItem[]): Parts {
  const open = new Set<OutputItem>(openRequests(items));
  const parts: Part[] = [];
  const functions: FunctionCall[] = [];
  for (const item of items) {
    const { id } = item;
    const last = parts.at(-1);
    if (item.type === 'reasoning') {
      if (last?.kind === 'thoughts') last.items.push(item);
      else parts.push({ kind: 'thoughts', id, items: [item] });
    } else if (item.type === 'message') parts.push({ kind: 'said', id, item });
    else if (isHosted(item)) parts.push({ kind: 'call', id, item });
    else if (item.type === 'function_call') functions.push(item);
    else if (item.type === 'mcp_approval_request' && open.has(item)) {
      parts.push({ kind: 'request', id, item });
    }
  }
  return { parts, functions };
}
