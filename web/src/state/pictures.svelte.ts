// Pictures of this page's conversations: in the database, or with the tab where there is none.

import { filled, lifted } from '../conversation/pictures';
import type { Database } from '../conversation/database';
import type { OutputItem } from '../api/output';
import type { Conversation, Turn } from '../conversation/types';
import { notices } from './notices.svelte';

class Pictures {
  /** Those that are not in the database, or not yet. */
  private readonly held = new Map<string, Blob>();
  private database: Database | null = null;

  use(database: Database): void {
    this.database = database;
  }

  async find(id: string): Promise<Blob | undefined> {
    return this.held.get(id) ?? (await this.database?.picture(id));
  }

  /** Items with references in the place of their pictures, which are kept. */
  take(conversation: string, items: readonly OutputItem[]): OutputItem[] {
    return items.map((item) =>
      lifted(item, (id, picture) => void this.keep(conversation, id, picture)),
    );
  }

  /** A conversation of a file, whose pictures are kept. */
  taken(conversation: Conversation): Conversation {
    const turns = Object.entries(conversation.turns).map(([id, turn]): [string, Turn] => {
      if (turn.role !== 'assistant') return [id, turn];
      const [kept, output] = [turn.kept, turn.output].map((items) =>
        this.take(conversation.id, items),
      );
      return [id, { ...turn, kept: kept!, output: output! }];
    });
    return { ...conversation, turns: Object.fromEntries(turns) };
  }

  /** A conversation for a file, with its pictures in it. */
  async filled(conversation: Conversation): Promise<Conversation> {
    const turns: Record<string, Turn> = {};
    for (const [id, turn] of Object.entries(conversation.turns)) {
      if (turn.role !== 'assistant') turns[id] = turn;
      else turns[id] = { ...turn, ...(await this.filledItems(turn)) };
    }
    return { ...conversation, turns };
  }

  private async filledItems(turn: Turn & { role: 'assistant' }) {
    const find = (id: string) => this.find(id);
    const kept = await Promise.all(turn.kept.map((item) => filled(item, find)));
    const output = await Promise.all(turn.output.map((item) => filled(item, find)));
    return { kept, output };
  }

  private async keep(conversation: string, id: string, picture: Blob): Promise<void> {
    this.held.set(id, picture);
    if (this.database === null) return;
    try {
      await this.database.addPicture(id, conversation, picture);
      this.held.delete(id);
    } catch (error) {
      notices.fail(error);
    }
  }
}

export const pictures = new Pictures();
