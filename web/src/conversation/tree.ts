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
    if (!turn) break;
    path.push(turn);
    at = turn.parent;
  }
  return path.reverse();
}

/** All turns by the turn before them, oldest first. Turns with the same parent are branches. */
export function children(conversation: Conversation): Map<string | null, Turn[]> {
  const found = new Map<string | null, Turn[]>();
  const turns = Object.values(conversation.turns);
  turns.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  for (const turn of turns) {
    const beside = found.get(turn.parent);
    if (beside) beside.push(turn);
    else found.set(turn.parent, [turn]);
  }
  return found;
}

/** Show the branch of a turn, down to its newest end. */
export function show(conversation: Conversation, id: string): void {
  const byParent = children(conversation);
  let at = id;
  for (let next: Turn | undefined; (next = byParent.get(at)?.at(-1));) at = next.id;
  conversation.leaf = at;
}

/** Add a turn, and show it. */
export function add(conversation: Conversation, turn: Turn): void {
  conversation.turns[turn.id] = turn;
  conversation.leaf = turn.id;
  conversation.updated = turn.created;
}

/** Take in what another tab has written, all but the turns that are being written here. */
export function merge(
  conversation: Conversation,
  other: Conversation,
  isWritten: (id: string) => boolean,
): void {
  for (const [id, turn] of Object.entries(other.turns)) {
    if (!isWritten(id)) conversation.turns[id] = turn;
  }
  conversation.title = other.title;
  conversation.isPinned = other.isPinned;
  // The branch that is shown goes on where the other has gone on with it.
  if (pathTo(conversation, other.leaf).some((turn) => turn.id === conversation.leaf)) {
    conversation.leaf = other.leaf;
  }
}

/** Make beginnings of turns whose parents lead round in a circle, or nowhere. */
export function mend(turns: Record<string, Turn>): void {
  // From where a beginning is known to be reached.
  const sound = new Set<string>();
  for (const turn of Object.values(turns)) {
    const path = new Set<string>();
    for (let at = turn; !sound.has(at.id); at = turns[at.parent]!) {
      path.add(at.id);
      if (at.parent === null) break;
      if (!Object.hasOwn(turns, at.parent) || path.has(at.parent)) {
        at.parent = null;
        break;
      }
    }
    for (const id of path) sound.add(id);
  }
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
