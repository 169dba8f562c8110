// Conversations in this browser's IndexedDB.

import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { textOf, type OutputItem } from '../api/output';
import { resultOf } from './calls';
import { itemsOf } from './items';
import { summaryOf } from './tree';
import type { Conversation, Summary, Turn } from './types';

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation };
  summaries: { key: string; value: Summary };
  pictures: { key: string; value: KeptPicture; indexes: { conversation: string } };
}

interface KeptPicture {
  id: string;
  conversation: string;
  picture: Blob;
}

const STORES = ['conversations', 'summaries'] as const;
const BATCH = 100;

export class Database {
  private constructor(private readonly db: IDBPDatabase<Schema>) {}

  static async open(): Promise<Database> {
    const db = await openDB<Schema>('gptoss', 2, {
      upgrade(made, before) {
        if (before < 1) {
          made.createObjectStore('conversations', { keyPath: 'id' });
          made.createObjectStore('summaries', { keyPath: 'id' });
        }
        const pictures = made.createObjectStore('pictures', { keyPath: 'id' });
        pictures.createIndex('conversation', 'conversation');
      },
      // A newer page in another tab must not wait for this one.
      blocking: (_, __, event) => (event.target as IDBDatabase).close(),
    });
    return new Database(db);
  }

  summaries(): Promise<Summary[]> {
    return this.db.getAll('summaries');
  }

  get(id: string): Promise<Conversation | undefined> {
    return this.db.get('conversations', id);
  }

  all(): Promise<Conversation[]> {
    return this.db.getAll('conversations');
  }

  /** Add conversations that are not there yet. */
  async add(conversations: readonly Conversation[]): Promise<void> {
    const change = this.db.transaction(STORES, 'readwrite');
    for (const conversation of conversations) {
      void change.objectStore('conversations').put(conversation);
      void change.objectStore('summaries').put(summaryOf(conversation));
    }
    await change.done;
  }

  /**
   * Save what is new of one. What another tab has added or finished stays, and so does its name, unless it was changed
   * here; one that another tab has deleted is not made again. False if it was deleted.
   */
  async update(conversation: Conversation, isNamed = false): Promise<boolean> {
    const change = this.db.transaction(STORES, 'readwrite');
    const conversations = change.objectStore('conversations');
    const kept = await conversations.get(conversation.id);
    if (kept) {
      const { title, isPinned } = isNamed ? conversation : kept;
      const whole = { ...conversation, title, isPinned, turns: { ...kept.turns } };
      for (const turn of Object.values(conversation.turns)) {
        if (!isFinished(kept.turns[turn.id], turn)) whole.turns[turn.id] = turn;
      }
      void conversations.put(whole);
      void change.objectStore('summaries').put(summaryOf(whole));
    }
    await change.done;
    return kept !== undefined;
  }

  async delete(id: string): Promise<void> {
    const change = this.db.transaction([...STORES, 'pictures'], 'readwrite');
    void change.objectStore('conversations').delete(id);
    void change.objectStore('summaries').delete(id);
    const pictures = change.objectStore('pictures');
    for (const key of await pictures.index('conversation').getAllKeys(id))
      void pictures.delete(key);
    await change.done;
  }

  /** Keep a picture as long as its conversation. */
  async addPicture(id: string, conversation: string, picture: Blob): Promise<void> {
    await this.db.put('pictures', { id, conversation, picture });
  }

  async picture(id: string): Promise<Blob | undefined> {
    return (await this.db.get('pictures', id))?.picture;
  }

  /** Ids of the conversations that have some words in their title or text. */
  async search(words: string): Promise<Set<string>> {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Set<string>();
    for (let after = ''; ;) {
      const range = IDBKeyRange.lowerBound(after, true);
      const batch = await this.db.getAll('conversations', range, BATCH);
      for (const conversation of batch) {
        const text = allText(conversation).toLowerCase();
        if (wanted.every((word) => text.includes(word))) found.add(conversation.id);
      }
      if (batch.length < BATCH) return found;
      after = batch.at(-1)!.id;
    }
  }
}

/** Whether an answer is whole, of which somebody else has a part. */
function isFinished(kept: Turn | undefined, turn: Turn): boolean {
  if (kept?.role !== 'assistant' || turn.role !== 'assistant') return false;
  return kept.status === 'done' && turn.status !== 'done' && kept.began === turn.began;
}

function searched(item: OutputItem): string {
  if (item.type === 'code_interpreter_call') return `${item.code}\n${resultOf(item) ?? ''}`;
  if (item.type === 'mcp_call') return `${item.name}\n${item.arguments}\n${resultOf(item) ?? ''}`;
  return textOf(item);
}

function allText(conversation: Conversation): string {
  const texts = Object.values(conversation.turns).map((turn) => {
    if (turn.role === 'user') return turn.text;
    if (turn.role === 'tool') return turn.results.map((result) => result.output).join('\n');
    return itemsOf(turn).map(searched).join('\n');
  });
  return [conversation.title, ...texts].join('\n');
}
