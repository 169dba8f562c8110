// Answers that are being written: events of the server -> turns of conversations.

import { ApiError } from '../api/client';
import { apply, type ApiResponse, type StreamEvent } from '../api/output';
import * as responses from '../api/responses';
import { isHosted, openRequests } from '../conversation/calls';
import { bodyOf } from '../conversation/input';
import { itemsOf } from '../conversation/items';
import { pathTo } from '../conversation/tree';
import type { AssistantTurn, Conversation, Status } from '../conversation/types';
import { notices } from './notices.svelte';
import { pictures } from './pictures.svelte';
import { server } from './server.svelte';

/** How far the prompt is read. */
export interface Progress {
  processed: number;
  total: number;
}

interface Run {
  conversation: Conversation;
  abort: AbortController;
  ended: Promise<void>;
}

type Save = (conversation: Conversation, now: boolean) => Promise<void>;
/** A conversation as it is kept, with what other tabs have written. */
type Read = (id: string) => Promise<Conversation | undefined>;

export class Runs {
  /** By turn. */
  progress = $state<Record<string, Progress>>({});
  /** What calls print while they run, by their items. */
  printed = $state<Record<string, string>>({});
  private readonly byTurn = new Map<string, Run>();

  constructor(
    private readonly save: Save,
    private readonly read: Read,
  ) {}

  has(turnId: string): boolean {
    return this.byTurn.has(turnId);
  }

  /** The conversation as it is being written, if one of its turns is. */
  conversation(id: string): Conversation | undefined {
    for (const run of this.byTurn.values()) {
      if (run.conversation.id === id) return run.conversation;
    }
    return undefined;
  }

  /** Ask for a turn that stands in its conversation already, and write it to its end. */
  async start(conversation: Conversation, turn: AssistantTurn): Promise<void> {
    const before = pathTo(conversation, turn.parent);
    await this.begin(conversation, turn, (signal) => {
      const body = { ...bodyOf(before, turn), return_progress: true };
      return responses.create(body, signal);
    });
  }

  /** Go on with turns that were being written when a page was closed, or are by another tab. */
  resume(conversation: Conversation): void {
    for (const turn of Object.values(conversation.turns)) {
      if (turn.role !== 'assistant' || turn.status !== 'running' || this.has(turn.id)) continue;
      const id = turn.responseId;
      if (id !== null) {
        void this.begin(conversation, turn, (signal) => responses.follow(id, signal));
      } else if (Date.now() - turn.began > 60_000) {
        // Whoever asked for it has not lived to hear of it.
        turn.status = 'stopped';
        void this.save(conversation, true);
      }
    }
  }

  /** End a turn where it is, and wait until it is. */
  async stop(turn: AssistantTurn): Promise<void> {
    const run = this.byTurn.get(turn.id);
    try {
      if (turn.responseId === null) run?.abort.abort();
      else await responses.cancel(turn.responseId);
    } catch (error) {
      run?.abort.abort();
      notices.fail(error);
    }
    await run?.ended;
  }

  private begin(
    conversation: Conversation,
    turn: AssistantTurn,
    open: (signal: AbortSignal) => AsyncGenerator<StreamEvent>,
  ): Promise<void> {
    const abort = new AbortController();
    const run: Run = { conversation, abort, ended: Promise.resolve() };
    this.byTurn.set(turn.id, run);
    run.ended = this.write(run, turn, open);
    return run.ended;
  }

  private async write(
    run: Run,
    turn: AssistantTurn,
    open: (signal: AbortSignal) => AsyncGenerator<StreamEvent>,
  ): Promise<void> {
    const { signal } = run.abort;
    notices.say('The model is answering.');
    try {
      for await (const event of open(signal)) await this.take(run, turn, event);
    } catch (error) {
      const isForgotten = error instanceof ApiError && error.status === 404;
      const isWhole = isForgotten && (await this.takeFinished(run.conversation.id, turn));
      if (!isWhole) fail(turn, error, signal.aborted);
    } finally {
      this.byTurn.delete(turn.id);
      delete this.progress[turn.id];
      for (const item of turn.output) delete this.printed[item.id];
      const done = turn.responseId;
      turn.responseId = null;
      await this.save(run.conversation, true);
      if (done !== null) void responses.forget(done);
      notices.say(endingOf(turn));
      void this.measure(run.conversation, turn);
    }
  }

  /** Usage counts what each call made the model read again; the conversation is as long as its next prompt. */
  private async measure(conversation: Conversation, turn: AssistantTurn): Promise<void> {
    delete turn.contextTokens;
    if (turn.usage === null || !itemsOf(turn).some(isHosted)) return;
    try {
      const { include: _, ...body } = bodyOf(pathTo(conversation, turn.id), { ...turn, kept: [] });
      turn.contextTokens = await responses.count({ ...body, continue_final_message: false });
      await this.save(conversation, true);
    } catch {
      // What it is for is no more than a bar.
    }
  }

  /** Another tab that came to the end of a turn first has kept it, and had the server forget it. */
  private async takeFinished(id: string, turn: AssistantTurn): Promise<boolean> {
    const kept = (await this.read(id).catch(() => undefined))?.turns[turn.id];
    if (kept?.role !== 'assistant' || kept.began !== turn.began) return false;
    if (kept.status === 'running') return false;
    Object.assign(turn, kept);
    return true;
  }

  private async take(run: Run, turn: AssistantTurn, event: StreamEvent): Promise<void> {
    const elapsed = Date.now() - turn.began;
    if (event.type === 'response.created') {
      // What a page had of it before is told once more.
      turn.output = [];
      turn.responseId = event.response.id;
      // At once, so that a page that is opened anew finds it.
      await this.save(run.conversation, true);
    } else if (event.type === 'response.gptoss.progress') {
      this.progress[turn.id] = { processed: event.processed, total: event.total };
    }
    if ('delta' in event) {
      turn.firstTextMs ??= elapsed;
      delete this.progress[turn.id];
    }
    if (event.type === 'response.reasoning_text.done') turn.thoughtMs ??= elapsed;
    if (event.type === 'response.gptoss.call_output.delta') {
      this.printed[event.item_id] = (this.printed[event.item_id] ?? '') + event.delta;
    }
    const began = clock(turn, event);
    apply(turn.output, withReferences(run.conversation.id, event));
    // Before a call that prints nothing, so that its time goes on where the page is opened anew.
    if (began) await this.save(run.conversation, true);
    if ('response' in event && event.type !== 'response.created') finish(turn, event.response);
    void this.save(run.conversation, false);
  }
}

/** An event whose items refer to their pictures, which are kept. */
function withReferences(conversation: string, event: StreamEvent): StreamEvent {
  if (event.type === 'response.output_item.done') {
    const [item] = pictures.take(conversation, [event.item]);
    return { ...event, item: item! };
  }
  if (!('response' in event) || event.response.output.length === 0) return event;
  const output = pictures.take(conversation, event.response.output);
  return { ...event, response: { ...event.response, output } };
}

/** Start and stop the clocks of a turn's items; whether one of a call was started. */
function clock(turn: AssistantTurn, event: StreamEvent): boolean {
  turn.clocks ??= {};
  switch (event.type) {
    case 'response.output_item.added':
      if (event.item.type === 'reasoning' || event.item.type === 'mcp_call') {
        return start(turn, event.item.id) && event.item.type === 'mcp_call';
      }
      return false;
    case 'response.code_interpreter_call.interpreting':
      notices.say('Python runs.');
      return start(turn, event.item_id);
    case 'response.output_item.done': {
      const known = turn.clocks[event.item.id];
      const seconds = isHosted(event.item) ? event.item.gptoss?.seconds : undefined;
      if (known) known.took ??= seconds === undefined ? Date.now() - known.began : 1000 * seconds;
      return false;
    }
    default:
      return false;
  }
}

/** Start a clock, unless it runs already: events are told once more where a page is opened anew. */
function start(turn: AssistantTurn, id: string): boolean {
  if (turn.clocks![id]) return false;
  turn.clocks![id] = { began: Date.now(), took: null };
  return true;
}

/** What a screen reader is told at a turn's end. */
function endingOf(turn: AssistantTurn): string {
  if (turn.status === 'failed') return 'The answer failed.';
  const num = openRequests(itemsOf(turn)).length;
  if (turn.status === 'stopped' || num === 0) return 'The answer is finished.';
  return num === 1 ? 'A call waits for your decision.' : `${num} calls wait for your decision.`;
}

function fail(turn: AssistantTurn, error: unknown, isStopped: boolean): void {
  // What the server has forgotten, this page may still have a part of.
  const isForgotten = error instanceof ApiError && error.status === 404 && turn.output.length > 0;
  turn.status = isStopped || isForgotten ? 'stopped' : 'failed';
  if (turn.status === 'stopped') return;
  turn.error = error instanceof Error ? error.message : String(error);
  if (error instanceof ApiError && error.needsKey) server.needsKey = true;
}

const STATUSES: Partial<Record<ApiResponse['status'], Status>> = {
  completed: 'done',
  incomplete: 'cut',
  cancelled: 'stopped',
  failed: 'failed',
};

function finish(turn: AssistantTurn, response: ApiResponse): void {
  turn.status = STATUSES[response.status] ?? turn.status;
  turn.usage = response.usage;
  turn.timings = response.gptoss?.timings ?? null;
  turn.numRepairs = response.gptoss?.repairs.length ?? 0;
  turn.error = response.error?.message ?? null;
}
