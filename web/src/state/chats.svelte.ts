// All conversations, the one that is shown, and what can be done with them.

import { forget, keep, read } from '../api/storage';
import { Database } from '../conversation/database';
import { openDecisions, openRequests } from '../conversation/calls';
import { newId } from '../conversation/id';
import { itemsOf } from '../conversation/items';
import { fromJson } from '../conversation/transfer';
import * as tree from '../conversation/tree';
import { DEFAULT_OPTIONS } from '../conversation/types';
import type {
  AssistantTurn,
  Attachment,
  Conversation,
  Decision,
  Effort,
  Options,
  Summary,
  UserTurn,
} from '../conversation/types';
import { notices } from './notices.svelte';
import { pictures } from './pictures.svelte';
import { Runs } from './runs.svelte';
import { server } from './server.svelte';
import { settings } from './settings.svelte';

const SAVE_MS = 1000;
const UNSAVED = 'gptoss.unsaved';

/** What is chosen with one touch, and shown at once. */
type Choice = Pick<Conversation, 'id' | 'leaf' | 'options'>;

class Chats {
  summaries = $state<Summary[]>([]);
  current = $state<Conversation>(blank());
  readonly runs = new Runs(
    (conversation, now) => this.save(conversation, now),
    async (id) => this.database?.get(id),
  );
  private database: Database | null = null;
  private opened: Promise<void> = Promise.resolve();
  /** Tells other tabs which conversation has changed; null: several have. */
  private readonly tabs = new BroadcastChannel('gptoss');
  private readonly savedAt = new Map<string, number>();

  shown = $derived(tree.shown(this.current));
  children = $derived(tree.children(this.current));
  running = $derived(
    this.shown.find((turn) => turn.role === 'assistant' && turn.status === 'running') as
      AssistantTurn | undefined,
  );

  /** Read what is kept, and go on with what was being written. */
  open(): Promise<void> {
    this.opened = this.openDatabase();
    return this.opened;
  }

  private async openDatabase(): Promise<void> {
    try {
      this.database = await Database.open();
      pictures.use(this.database);
    } catch {
      notices.fail('This browser keeps no data for this page: conversations end with the tab.');
      return;
    }
    this.tabs.onmessage = ({ data }) => void this.hear(data as string | null);
    await this.readSummaries();
    for (const summary of this.summaries.filter((each) => each.isRunning)) {
      const kept = await this.database.get(summary.id);
      if (kept) this.runs.resume(this.reactive(kept));
    }
    // Whoever was faster than the database has begun a conversation, which stays.
    if (location.hash !== '') await this.openFromAddress();
    addEventListener('hashchange', () => void this.openFromAddress());
  }

  begin(): void {
    this.current = blank();
    history.pushState(null, '', '#');
  }

  async show(id: string): Promise<void> {
    const found = this.runs.conversation(id) ?? (await this.database?.get(id));
    if (!found) {
      // It was deleted.
      this.current = blank();
      history.replaceState(null, '', '#');
      return;
    }
    // One that was kept by an earlier page may lack some.
    found.options = { ...DEFAULT_OPTIONS, ...found.options };
    this.current = found;
    this.chooseUnsaved();
    this.runs.resume(this.current);
    if (location.hash !== `#${id}`) history.pushState(null, '', `#${id}`);
  }

  async send(text: string, attachments: Attachment[]): Promise<void> {
    await this.ask(text, attachments, this.current.leaf);
  }

  /** The same place in the conversation, another question. */
  async edit(turn: UserTurn, text: string): Promise<void> {
    await this.ask(text, turn.attachments, turn.parent);
  }

  /** Another answer to the same question. */
  async regenerate(turn: AssistantTurn, effort: Effort): Promise<void> {
    await this.answer(this.current, turn.parent!, effort);
  }

  async giveResults(turn: AssistantTurn, results: { call_id: string; output: string }[]) {
    const made = { ...base(turn.id), role: 'tool' as const, results };
    tree.add(this.current, made);
    await this.answer(this.current, made.id, turn.options.effort);
  }

  stop(): void {
    if (this.running) void this.runs.stop(this.running);
  }

  /** End the chain of thought, and have the answer from what is thought so far. */
  async answerNow(turn: AssistantTurn): Promise<void> {
    const conversation = this.current;
    await this.runs.stop(turn);
    // It may have come to its answer by itself.
    if (turn.status === 'stopped') await this.goOn(turn, 'answer', conversation);
  }

  /** Write further at a turn that has ended early. */
  async goOn(
    turn: AssistantTurn,
    how: 'answer' | 'text' | 'calls',
    conversation = this.current,
  ): Promise<void> {
    const items = itemsOf(turn);
    turn.kept = how === 'answer' ? items.filter((item) => item.type !== 'message') : items;
    turn.output = [];
    turn.goesOn = how;
    turn.status = 'running';
    turn.error = null;
    turn.began = Date.now();
    turn.firstTextMs = null;
    if (turn.kept.at(-1)?.type === 'reasoning' && how === 'text') {
      // The clock goes on as well.
      turn.began -= turn.thoughtMs ?? 0;
      turn.thoughtMs = null;
    }
    await this.runs.start(conversation, turn);
  }

  /** Decide on a call that waits; with the last of them, the turn goes on. */
  async decide(turn: AssistantTurn, requestId: string, decision: Decision): Promise<void> {
    turn.decisions = { ...openDecisions(turn), [requestId]: decision };
    const open = openRequests(itemsOf(turn));
    if (open.every(({ id }) => turn.decisions?.[id])) await this.goOn(turn, 'calls');
    else await this.save(this.current, true);
  }

  showBranch(id: string): void {
    tree.show(this.current, id);
    void this.saveChoice();
  }

  async change(id: string, how: (conversation: Conversation) => void): Promise<void> {
    const open = this.current.id === id ? this.current : this.runs.conversation(id);
    const found = open ?? (await this.database?.get(id));
    if (!found) return;
    how(found);
    await this.database?.update($state.snapshot(found) as Conversation, true);
    await this.changed(id);
  }

  /** Options of the conversation that is shown, and of new ones. */
  choose(options: Partial<Options>): void {
    Object.assign(this.current.options, options);
    settings.chooseOptions(options);
    void this.saveChoice();
  }

  async remove(id: string): Promise<void> {
    const running = this.runs.conversation(id);
    await this.database?.delete(id);
    await this.changed(id);
    if (this.current.id === id) this.begin();
    for (const turn of Object.values(running?.turns ?? {})) {
      if (turn.role === 'assistant' && turn.status === 'running') await this.runs.stop(turn);
    }
  }

  search(words: string): Promise<Set<string>> {
    return this.database?.search(words) ?? Promise.resolve(new Set());
  }

  /** All conversations, for a file. */
  async all(): Promise<Conversation[]> {
    const found: Conversation[] = [];
    // One after the other: their pictures may be many.
    for (const each of (await this.database?.all()) ?? []) found.push(await pictures.filled(each));
    return found;
  }

  /** One conversation, for a file. */
  async whole(id: string): Promise<Conversation | undefined> {
    const open = this.current.id === id ? this.current : this.runs.conversation(id);
    const found = open ? ($state.snapshot(open) as Conversation) : await this.database?.get(id);
    return found && pictures.filled(found);
  }

  /** Take conversations from a file. */
  async take(text: string): Promise<void> {
    await this.database?.add(fromJson(text).map((each) => pictures.taken(each)));
    await this.changed(null);
  }

  private async ask(text: string, attachments: Attachment[], parent: string | null) {
    const conversation = this.current;
    const asked: UserTurn = { ...base(parent), role: 'user', text, attachments };
    const isFirst = conversation.leaf === null;
    tree.add(conversation, asked);
    if (isFirst) {
      conversation.title = tree.titleOf(text || attachments[0]?.name || '');
      await this.opened;
      await this.database?.add([$state.snapshot(conversation) as Conversation]);
      history.pushState(null, '', `#${conversation.id}`);
    }
    await this.answer(conversation, asked.id, conversation.options.effort);
  }

  private async answer(conversation: Conversation, parent: string, effort: Effort) {
    const options = { ...$state.snapshot(conversation.options), effort };
    // What is asked for that is not there would be named as ignored.
    options.usesPython &&= server.python !== null;
    options.usesFunctions &&= server.functions.length > 0;
    const turn: AssistantTurn = {
      ...base(parent),
      role: 'assistant',
      status: 'running',
      began: Date.now(),
      options,
      kept: [],
      goesOn: null,
      output: [],
      // Chosen here, so that the same answer can be had again: JSON's numbers end at 2^53.
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
      error: null,
      responseId: null,
      usage: null,
      timings: null,
      numRepairs: 0,
      firstTextMs: null,
      thoughtMs: null,
    };
    tree.add(conversation, turn);
    // Through the conversation, so that changes are seen.
    const watched = conversation.turns[turn.id] as AssistantTurn;
    await this.save(conversation, true);
    await this.runs.start(conversation, watched);
  }

  private async save(conversation: Conversation, now: boolean): Promise<void> {
    const last = this.savedAt.get(conversation.id) ?? 0;
    if (conversation.leaf === null || (!now && performance.now() - last < SAVE_MS)) return;
    this.savedAt.set(conversation.id, performance.now());
    try {
      const isKept = await this.database?.update($state.snapshot(conversation) as Conversation);
      if (now && isKept) await this.changed(conversation.id);
    } catch (error) {
      notices.fail(error);
    }
  }

  /** Save a choice, which is not lost either where the page is gone before the database has it. */
  private async saveChoice(): Promise<void> {
    const { id, leaf, options } = this.current;
    if (leaf === null) return;
    const choice = JSON.stringify({ id, leaf, options } satisfies Choice);
    // Begun first: it must not depend on there being room for the other.
    const saving = this.save(this.current, true);
    keep(UNSAVED, choice);
    await saving;
    if (read(UNSAVED) === choice) forget(UNSAVED);
  }

  /** Take up what was chosen just before this page was left. */
  private chooseUnsaved(): void {
    const choice = unsaved();
    if (choice.id !== this.current.id || !Object.hasOwn(this.current.turns, choice.leaf!)) return;
    Object.assign(this.current, choice);
    void this.saveChoice();
  }

  private async changed(id: string | null): Promise<void> {
    this.tabs.postMessage(id);
    await this.readSummaries();
  }

  /** Another tab has changed a conversation. */
  private async hear(id: string | null): Promise<void> {
    await this.readSummaries();
    if (id !== this.current.id) return;
    const kept = await this.database?.get(id);
    if (id !== this.current.id) return;
    if (!kept) {
      this.current = blank();
      history.replaceState(null, '', '#');
      return;
    }
    tree.merge(this.current, kept, (turnId) => this.runs.has(turnId));
    this.runs.resume(this.current);
  }

  private async readSummaries(): Promise<void> {
    const found = (await this.database?.summaries()) ?? [];
    this.summaries = found.sort(
      (a, b) => Number(b.isPinned) - Number(a.isPinned) || b.updated - a.updated,
    );
  }

  private async openFromAddress(): Promise<void> {
    const id = location.hash.slice(1);
    if (id === '') this.current = blank();
    else if (id !== this.current.id) await this.show(id);
  }

  private reactive(conversation: Conversation): Conversation {
    const watched = $state(conversation);
    return watched;
  }
}

function unsaved(): Partial<Choice> {
  try {
    return (JSON.parse(read(UNSAVED) ?? '{}') ?? {}) as Partial<Choice>;
  } catch {
    // Not what this page has written.
    return {};
  }
}

function blank(): Conversation {
  const now = Date.now();
  return {
    id: newId(),
    title: 'New chat',
    created: now,
    updated: now,
    isPinned: false,
    options: { ...$state.snapshot(settings.options) },
    turns: {},
    leaf: null,
  };
}

function base(parent: string | null) {
  return { id: newId(), parent, created: Date.now() };
}

export const chats = new Chats();
