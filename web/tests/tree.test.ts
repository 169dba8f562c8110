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
    const byParent = tree.children(made());
    expect(ids(byParent.get('a')!)).toBe('bB');
    expect(ids(byParent.get(null)!)).toBe('a');
    expect(byParent.get('c')).toBe(undefined);
  });

  it('shows a branch down to its end', () => {
    const conversation = made();
    tree.show(conversation, 'b');
    expect(ids(tree.shown(conversation))).toBe('abc');
  });

  it('mends parents that lead round in a circle, or nowhere', () => {
    const turns = { a: user('a', 'b'), b: user('b', 'a'), c: user('c', 'gone'), d: user('d', 'd') };
    tree.mend(turns);
    const conversation = conversationOf(...Object.values(turns));
    for (const id of Object.keys(turns)) {
      expect(tree.pathTo(conversation, id).length).toBeLessThan(3);
      tree.show(conversation, id);
    }
  });

  it('takes in what another tab has written', () => {
    const here = conversationOf(user('a', null), user('b', 'a', 1));
    const there = conversationOf(user('a', null), user('b', 'a', 2), user('c', 'b', 3));
    there.title = 'Theirs';
    tree.merge(here, there, (id) => id === 'b');
    expect(here.turns.b!.created).toBe(1);
    expect(ids(tree.shown(here))).toBe('abc');
    expect(here.title).toBe('Theirs');
    const elsewhere = conversationOf(user('a', null), user('B', 'a', 4));
    tree.merge(here, elsewhere, () => false);
    expect(ids(tree.shown(here))).toBe('abc');
  });

  it('makes titles of first lines', () => {
    expect(tree.titleOf('\n  Short \nmore')).toBe('Short');
    expect(tree.titleOf('')).toBe('New chat');
    expect(tree.titleOf('word '.repeat(30)).length).toBeLessThanOrEqual(61);
    expect(tree.titleOf('x'.repeat(300)).length).toBeLessThanOrEqual(61);
  });
});
