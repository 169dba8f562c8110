import { describe, expect, it } from 'vitest';
import * as tree from '../src/conversation/tree';
import { DEFAULT_OPTIONS, type Conversation, type Turn } from '../src/conversation/types';

function user(id: string, parent: string | null, created = 0): Turn {
  return { id, parent, created, role: 'user', text: id, attachments: [] };
}

function conversationOf(...turns: Turn[]): Conversation {
  const made: Conversation = {
    id: 'c',
    title: '',
    created: 0,
    updated: 0,
    isPinned: false,
    options: { ...DEFAULT_OPTIONS },
    turns: {},
    leaf: null,
  };
  for (const turn of turns) tree.add(made, turn);
  return made;
}

const ids = (turns: Turn[]) => turns.map((turn) => turn.id).join('');

describe('tree', () => {
  const made = () =>
    conversationOf(user('a', null), user('b', 'a', 1), user('c', 'b', 2), user('B', 'a', 3));

  it('shows the branch of its leaf', () => {
    expect(ids(tree.shown(made()))).toBe('aB');
    expect(ids(tree.shown(conversationOf()))).toBe('');
  });

  it('knows branches, oldest first', () => {
    const conversation = made();
    expect(ids(tree.branches(conversation, conversation.turns.B!))).toBe('bB');
    expect(ids(tree.branches(conversation, conversation.turns.a!))).toBe('a');
  });

  it('shows a branch down to its end', () => {
    const conversation = made();
    tree.show(conversation, 'b');
    expect(ids(tree.shown(conversation))).toBe('abc');
  });

  it('removes a turn with what follows, and shows what stands beside it', () => {
    const conversation = made();
    tree.remove(conversation, 'b');
    expect(Object.keys(conversation.turns).sort().join('')).toBe('Ba');
    expect(ids(tree.shown(conversation))).toBe('aB');
    tree.remove(conversation, 'B');
    expect(ids(tree.shown(conversation))).toBe('a');
    tree.remove(conversation, 'a');
    expect(conversation.leaf).toBe(null);
  });

  it('ends with a cycle', () => {
    const conversation = conversationOf(user('a', 'b'), user('b', 'a'));
    expect(tree.shown(conversation).length).toBeLessThan(4);
  });

  it('makes titles of first lines', () => {
    expect(tree.titleOf('\n  Short \nmore')).toBe('Short');
    expect(tree.titleOf('')).toBe('New chat');
    expect(tree.titleOf('word '.repeat(30)).length).toBeLessThanOrEqual(61);
    expect(tree.titleOf('x'.repeat(300)).length).toBeLessThanOrEqual(61);
  });
});
