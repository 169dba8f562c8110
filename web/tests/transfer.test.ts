import { describe, expect, it } from 'vitest';
import { fileName, fromJson, toJson, toMarkdown } from '../src/conversation/transfer';
import { day, seconds } from '../src/text/numbers';

const file = (conversation: unknown) =>
  JSON.stringify({ format: 'gptoss-conversations', version: 1, conversations: [conversation] });

describe('fromJson', () => {
  it('takes what was exported, under an id of its own', () => {
    const turns = {
      u: { id: 'u', parent: null, created: 1, role: 'user', text: 'Hello', attachments: [] },
      a: {
        id: 'a',
        parent: 'u',
        created: 2,
        role: 'assistant',
        status: 'done',
        output: [
          { id: 'r', type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Hm\nso' }] },
          { id: 'm', type: 'message', content: [{ type: 'output_text', text: 'Hi' }] },
        ],
      },
    };
    const [first] = fromJson(file({ id: 'x', title: 'T', turns, leaf: 'a' }));
    const [second] = fromJson(toJson([first!]));
    expect(second).toMatchObject({ title: 'T', leaf: 'a', options: first!.options });
    expect(toMarkdown(second!)).toBe(toMarkdown(first!));
    expect(second!.id).not.toBe(first!.id);
    expect(toMarkdown(first!)).toBe('# T\n\n## You\n\nHello\n\n## Assistant\n\n> Hm\n> so\n\nHi\n');
  });

  it('makes something sound of whatever is in a file', () => {
    const [made] = fromJson(
      file({
        title: 7,
        leaf: 'nowhere',
        options: { effort: 'enormous', temperature: 'hot' },
        turns: { u: { role: 'user', parent: 'gone', text: {}, attachments: 'x' } },
      }),
    );
    expect(made!.title).toBe('New chat');
    expect(made!.leaf).toBe(null);
    expect(made!.options.effort).toBe('medium');
    expect(made!.options.temperature).toBe(null);
    expect(Object.values(made!.turns)[0]).toMatchObject({
      parent: null,
      text: '',
      attachments: [],
    });
  });

  it('does not take names of the language for turns', () => {
    const turns = { a: { id: '__proto__', role: 'user', parent: 'constructor', text: 'x' } };
    const [made] = fromJson(file({ turns, leaf: 'toString' }));
    expect(made!.leaf).toBe(null);
    expect(({} as Record<string, unknown>).role).toBe(undefined);
  });
});

describe('names and numbers', () => {
  it('makes names that every system takes', () => {
    expect(fileName('../a/b:c?', 'md')).toBe('abc.md');
    expect(fileName('///', 'json')).toBe('conversation.json');
  });

  it('tells time', () => {
    expect([400, 12_300, 59_700, 119_600].map(seconds)).toEqual([
      '0.4 s',
      '12 s',
      '1 min 0 s',
      '2 min 0 s',
    ]);
    const now = new Date(2026, 10, 27, 12).getTime();
    expect(day(now, now)).toBe('Today');
    expect(day(now - 86_400_000, now)).toBe('Yesterday');
  });
});
