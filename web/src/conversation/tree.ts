// A conversation is a tree of turns, of which one branch is shown.

import type { Conversation, Summary, Turn } from './types';

const TITLE_CHARACTERS = 60;

/** The turns that are shown, in order. */
export function shown(conversation: Conversation): Turn[] {
  return pathTo(conversation, conversation.leaf);
}

/** The turns from the beginning to one, which is the last. */
export function pathTo(conversation: Conversation, id: string | null): Turn[] {
  const path: Turn[] = [];
  for (let at = id; at !== null;) {
    const turn: Turn | undefined = conversation.turns[at];
    // A file from elsewhere may have a cycle.
    if (!turn || path.length > Object.keys(conversation.turns).length) break;
    path.push(turn);
    at = turn.parent;
  }
  return path.reverse();
}

/** A turn and those that stand beside it, oldest first. */
export function branches(conversation: Conversation, turn: Turn): Turn[] {
  return childrenOf(conversation, turn.parent);
}

export function childrenOf(conversation: Conversation, parent: string | null): Turn[] {
  return Object.values(conversation.turns)
    .filter((turn) => turn.parent === parent)
    .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
}

/** Show the branch of a turn, down to its newest end. */
export function show(conversation: Conversation, id: string): void {
  let at = id;
  for (;;) {
    const next = childrenOf(conversation, at).at(-1);
    if (!next) break;
    at = next.id;
  }
  conversation.leaf = at;
}

/** Add a turn, and show it. */
export function add(conversation: Conversation, turn: Turn): void {
  conversation.turns[turn.id] = turn;
  conversation.leaf = turn.id;
  conversation.updated = turn.created;
}

/** Take away a turn with everything behind it; a branch beside it is shown, or the turn before. */
export function remove(conversation: Conversation, id: string): void {
  const gone = conversation.turns[id];
  if (!gone) return;
  const waiting = [id];
  while (waiting.length > 0) {
    const next = waiting.pop()!;
    waiting.push(...childrenOf(conversation, next).map((turn) => turn.id));
    delete conversation.turns[next];
  }
  const beside = childrenOf(conversation, gone.parent).at(-1);
  if (beside) show(conversation, beside.id);
  else conversation.leaf = gone.parent;
}

export function isRunning(conversation: Conversation): boolean {
  return Object.values(conversation.turns).some(
    (turn) => turn.role === 'assistant' && turn.status === 'running',
  );
}

export function summaryOf(conversation: Conversation): Summary {
  const { id, title, updated, isPinned } = conversation;
  return { id, title, updated, isPinned, isRunning: isRunning(conversation) };
}

/** A title from what was asked first. */
export function titleOf(text: string): string {
  const line = text.trim().split('\n', 1)[0]!.trim();
  if (line.length <= TITLE_CHARACTERS) return line || 'New chat';
  const cut = line.slice(0, TITLE_CHARACTERS);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), 20))}…`;
}
