// What is kept of a conversation, in this browser and in exported files.

import type { OutputItem, Timings, Usage } from '../api/output';

export type Effort = 'low' | 'medium' | 'high';
export const EFFORTS: readonly Effort[] = ['low', 'medium', 'high'];

/** How the model is asked; empty text and null leave it to the server. */
export interface Options {
  effort: Effort;
  instructions: string;
  temperature: number | null;
  topP: number | null;
  seed: number | null;
  maxTokens: number | null;
  reasoningTokens: number | null;
  /** JSON Schema that the answer must match, as text. */
  schema: string;
  /** Declarations of functions in OpenAI's form, as text; their results are given by hand. */
  tools: string;
  /** Whether the server's Python, and its operator's functions, may be called, where it has them. */
  usesPython: boolean;
  usesFunctions: boolean;
}

export const DEFAULT_OPTIONS: Readonly<Options> = {
  effort: 'medium',
  instructions: '',
  temperature: null,
  topP: null,
  seed: null,
  maxTokens: null,
  reasoningTokens: null,
  schema: '',
  tools: '',
  usesPython: true,
  usesFunctions: true,
};

/** A person's answer to a call that waits for one. */
export interface Decision {
  isApproved: boolean;
  /** Is told to the model where the call is denied. */
  reason: string;
}

/** When a thought or a call began, and how long it took once it is over, in milliseconds. */
export interface Clock {
  began: number;
  took: number | null;
}

export interface Attachment {
  name: string;
  text: string;
}

interface TurnBase {
  id: string;
  /** The turn before, or null at the beginning. Turns with the same parent are branches. */
  parent: string | null;
  /** Milliseconds since 1970. */
  created: number;
}

export interface UserTurn extends TurnBase {
  role: 'user';
  text: string;
  attachments: Attachment[];
}

/** Results of the calls of the turn before. */
export interface ToolTurn extends TurnBase {
  role: 'tool';
  results: { call_id: string; output: string }[];
}

export type Status = 'running' | 'done' | 'cut' | 'stopped' | 'failed';

export interface AssistantTurn extends TurnBase {
  role: 'assistant';
  status: Status;
  /** Items that earlier responses had written before this one went on from them. */
  kept: OutputItem[];
  /**
   * How it goes on: with an answer to thoughts that were cut short, in the middle of the last text, or with calls that
   * were decided on.
   */
  goesOn: 'answer' | 'text' | 'calls' | null;
  output: OutputItem[];
  /** Milliseconds since 1970 when it was asked for. */
  began: number;
  /** As the model was asked, which may not be as it is now. */
  options: Options;
  seed: number;
  error: string | null;
  /** The server's id, as long as it keeps the response. */
  responseId: string | null;
  usage: Usage | null;
  timings: Timings | null;
  numRepairs: number;
  /** Milliseconds from the request to the first text, and of the chain of thought. */
  firstTextMs: number | null;
  thoughtMs: number | null;
  /** Tokens of the conversation behind it, where calls made it read its prompt more than once. */
  contextTokens?: number;
  /** Of its items, by their ids; those that were kept before there were any have none. */
  clocks?: Record<string, Clock>;
  /** On the calls that wait, by the ids of the items that ask. */
  decisions?: Record<string, Decision>;
}

export type Turn = UserTurn | ToolTurn | AssistantTurn;

export interface Conversation {
  id: string;
  title: string;
  created: number;
  updated: number;
  isPinned: boolean;
  options: Options;
  turns: Record<string, Turn>;
  /** The last turn of the branch that is shown. */
  leaf: string | null;
}

/** What the list shows of a conversation. */
export interface Summary {
  id: string;
  title: string;
  updated: number;
  isPinned: boolean;
  isRunning: boolean;
}
