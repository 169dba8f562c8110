// Conversations in this browser's IndexedDB.

import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { textOf } from '../api/output';
import { itemsOf } from './items';
import { summaryOf } from './tree';
import type { Conversation, Summary } from './types';

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation };
  summaries: { key: string; value: Summary };
}

export class Database {
  private constructor(private readonly db: IDBPDatabase<Schema>) {}

  static async open(): Promise<Database> {
    const db = await openDB<Schema>('gptoss', 1, {
      upgrade(made) {
        made.createObjectStore('conversations', { keyPath: 'id' });
        made.createObjectStore('summaries', { keyPath: 'id' });
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

  async put(conversation: Conversation): Promise<void> {
    const change = this.db.transaction(['conversations', 'summaries'], 'readwrite');
    await Promise.all([
      change.objectStore('conversations').put(conversation),
      change.objectStore('summaries').put(summaryOf(conversation)),
      change.done,
    ]);
  }

  async delete(id: string): Promise<void> {
    const change = this.db.transaction(['conversations', 'summaries'], 'readwrite');
    await Promise.all([
      change.objectStore('conversations').delete(id),
      change.objectStore('summaries').delete(id),
      change.done,
    ]);
  }

  /** Ids of the conversations that have some words in their title or text. */
  async search(words: string): Promise<Set<string>> {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Set<string>();
    let at = await this.db.transaction('conversations').store.openCursor();
    while (at) {
      const text = allText(at.value).toLowerCase();
      if (wanted.every((word) => text.includes(word))) found.add(at.value.id);
      at = await at.continue();
    }
    return found;
  }
}

function allText(conversation: Conversation): string {
  const texts = Object.values(conversation.turns).map((turn) => {
    if (turn.role === 'user') return turn.text;
    if (turn.role === 'tool') return turn.results.map((result) => result.output).join('\n');
    return itemsOf(turn).map(textOf).join('\n');
  });
  return [conversation.title, ...texts].join('\n');
}
