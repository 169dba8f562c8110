// Conversations to files and back.

import { textOf, withText, type OutputItem } from '../api/output';
import { fenced } from '../text/fence';
import { picturesOf, resultOf } from './calls';
import { newId } from './id';
import { callOf } from './taken_calls';
import { itemsOf } from './items';
import { list, number, object, string, type Loose } from './loose';
import { mend, shown, titleOf } from './tree';
import { DEFAULT_OPTIONS, EFFORTS, type Conversation, type Options, type Turn } from './types';

const FORMAT = 'gptoss-conversations';
const VERSION = 1;

export function toJson(conversations: readonly Conversation[]): string {
  return JSON.stringify({ format: FORMAT, version: VERSION, conversations }, null, 1);
}

/** Throws with what is wrong if a file is not one of ours. */
export function fromJson(text: string): Conversation[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error('This file is not JSON. Wanted: a file that this page exported.');
  }
  const found = file as { format?: unknown; version?: unknown; conversations?: unknown } | null;
  if (found?.format !== FORMAT || !Array.isArray(found.conversations)) {
    throw new Error('This file has no conversations of this page in it.');
  }
  if (found.version !== VERSION) {
    throw new Error(`This file is of version ${String(found.version)}, wanted ${VERSION}.`);
  }
  return found.conversations.map(conversationOf);
}

function conversationOf(given: unknown): Conversation {
  const from = object(given);
  const turns: Record<string, Turn> = {};
  for (const turn of Object.values(object(from.turns)).map(turnOf)) turns[turn.id] = turn;
  const isKnown = (id: unknown): id is string => typeof id === 'string' && Object.hasOwn(turns, id);
  mend(turns);
  return {
    // Anew, so that nothing that is here is overwritten.
    id: newId(),
    title: titleOf(string(from.title)),
    created: number(from.created) ?? Date.now(),
    updated: number(from.updated) ?? Date.now(),
    isPinned: from.isPinned === true,
    options: optionsOf(object(from.options)),
    turns,
    leaf: isKnown(from.leaf) ? from.leaf : null,
  };
}

function optionsOf(from: Loose): Options {
  return {
    effort: EFFORTS.find((effort) => effort === from.effort) ?? DEFAULT_OPTIONS.effort,
    instructions: string(from.instructions),
    temperature: number(from.temperature),
    topP: number(from.topP),
    seed: number(from.seed),
    maxTokens: number(from.maxTokens),
    reasoningTokens: number(from.reasoningTokens),
    schema: string(from.schema),
    tools: string(from.tools),
    usesPython: from.usesPython !== false,
    usesFunctions: from.usesFunctions !== false,
  };
}

function turnOf(given: unknown): Turn {
  const from = object(given);
  const base = {
    id: string(from.id) || newId(),
    parent: typeof from.parent === 'string' ? from.parent : null,
    created: number(from.created) ?? Date.now(),
  };
  switch (from.role) {
    case 'user': {
      const attachments = list(from.attachments).map((file) => ({
        name: string(file.name),
        text: string(file.text),
      }));
      return { ...base, role: 'user', text: string(from.text), attachments };
    }
    case 'tool': {
      const results = list(from.results).map((result) => ({
        call_id: string(result.call_id),
        output: string(result.output),
      }));
      return { ...base, role: 'tool', results };
    }
    case 'assistant':
      return {
        ...base,
        role: 'assistant',
        status: from.status === 'done' || from.status === 'cut' ? from.status : 'stopped',
        kept: list(from.kept).map(itemOf),
        goesOn: from.goesOn === 'text' || from.goesOn === 'answer' ? from.goesOn : null,
        output: list(from.output).map(itemOf),
        began: base.created,
        options: optionsOf(object(from.options)),
        seed: number(from.seed) ?? 0,
        error: null,
        responseId: null,
        usage: null,
        timings: null,
        numRepairs: 0,
        firstTextMs: null,
        thoughtMs: number(from.thoughtMs),
      };
  }
  throw new Error('This file has a turn that is neither of the user, the assistant nor a tool.');
}

function itemOf(from: Loose): OutputItem {
  const id = newId();
  const status = 'completed';
  const text = list(from.content)
    .map((part) => string(part.text))
    .join('');
  switch (from.type) {
    case 'reasoning':
      return withText({ id, type: 'reasoning', status, summary: [], content: [] }, text);
    case 'function_call':
    case 'code_interpreter_call':
    case 'mcp_call':
    case 'mcp_approval_request':
      return callOf(from.type, id, from);
    default: {
      const phase = from.phase === 'commentary' ? 'commentary' : 'final_answer';
      const said: OutputItem = {
        id,
        type: 'message',
        role: 'assistant',
        status,
        phase,
        content: [],
      };
      return withText(said, text);
    }
  }
}

/** What is shown of a conversation, as Markdown; chains of thought are quoted. */
export function toMarkdown(conversation: Conversation): string {
  const parts = [`# ${conversation.title}`];
  for (const turn of shown(conversation)) {
    if (turn.role === 'user') {
      const files = turn.attachments.map((file) => `*(with ${file.name})*`);
      parts.push('## You', ...files, turn.text);
    } else if (turn.role === 'tool') {
      parts.push('## Results', ...turn.results.map((result) => fenced(result.output)));
    } else {
      parts.push('## Assistant');
      for (const item of itemsOf(turn)) {
        if (item.type === 'reasoning') parts.push(quoted(textOf(item)));
        else if (item.type === 'message') parts.push(textOf(item));
        else parts.push(...calledMarkdown(item));
      }
    }
  }
  return parts.join('\n\n') + '\n';
}

function calledMarkdown(item: OutputItem): string[] {
  switch (item.type) {
    case 'function_call':
    case 'mcp_approval_request':
      return [`Call of \`${item.name}\`:`, fenced(item.arguments)];
    case 'code_interpreter_call':
    case 'mcp_call': {
      const called =
        item.type === 'mcp_call'
          ? [`Call of \`${item.name}\`:`, fenced(item.arguments, 'json')]
          : ['Python:', fenced(item.code, 'python')];
      const result = resultOf(item);
      const pictures = picturesOf(item).map(() => '*(a picture)*');
      return [...called, ...(result ? ['Result:', fenced(result)] : []), ...pictures];
    }
    default:
      return [];
  }
}

function quoted(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
}

/** A name for a file that every system takes. */
export function fileName(title: string, ending: string): string {
  const plain = title.replace(/[^\p{L}\p{N} _-]/gu, '').trim();
  return `${plain.slice(0, 60) || 'conversation'}.${ending}`;
}
