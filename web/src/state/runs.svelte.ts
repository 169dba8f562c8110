// Answers that are being written: events of the server -> turns of conversations.

import { ApiError } from '../api/client';
import { apply, type ApiResponse, type StreamEvent } from '../api/output';
import * as responses from '../api/responses';
import { bodyOf } from '../conversation/input';
import { pathTo } from '../conversation/tree';
import type { AssistantTurn, Conversation, Status } from '../conversation/types';
import { notices } from './notices.svelte';
import { server } from './server.svelte';

/** How far the prompt is read. */
export interface Progress {
  processed: number;
  total: number;
}

interface Run {
  conversation: Conversation;
  abort: AbortController;
  began: number;
}

type Save = (conversation: Conversation, now: boolean) => Promise<void>;

export class Runs {
  /** By turn. */
  progress = $state<Record<string, Progress>>({});
  private readonly byTurn = new Map<string, Run>();

  constructor(private readonly save: Save) {}

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
    await this.write(conversation, turn, (signal) => {
      const body = bodyOf(conversation.options, before, turn);
      return responses.create({ ...body, return_progress: true }, signal);
    });
  }

  /** Go on with turns that were being written when the page was closed. */
  resume(conversation: Conversation): void {
    for (const turn of Object.values(conversation.turns)) {
      if (turn.role !== 'assistant' || turn.status !== 'running' || this.byTurn.has(turn.id)) {
        continue;
      }
      const id = turn.responseId;
      if (id === null) {
        turn.status = 'stopped';
        void this.save(conversation, true);
        continue;
      }
      turn.output = [];
      void this.write(conversation, turn, (signal) => responses.follow(id, signal));
    }
  }

  /** End a turn where it is. */
  async stop(turn: AssistantTurn): Promise<void> {
    if (turn.responseId === null) this.byTurn.get(turn.id)?.abort.abort();
    else await responses.cancel(turn.responseId);
  }

  /** Wait until a turn is not being written any more. */
  async ended(turn: AssistantTurn): Promise<void> {
    while (this.byTurn.has(turn.id)) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  private async write(
    conversation: Conversation,
    turn: AssistantTurn,
    open: (signal: AbortSignal) => AsyncGenerator<StreamEvent>,
  ): Promise<void> {
    const run = { conversation, abort: new AbortController(), began: performance.now() };
    this.byTurn.set(turn.id, run);
    notices.say('The model is answering.');
    try {
      for await (const event of open(run.abort.signal)) await this.take(run, turn, event);
    } catch (error) {
      this.fail(turn, error, run.abort.signal.aborted);
    } finally {
      this.byTurn.delete(turn.id);
      delete this.progress[turn.id];
      const done = turn.responseId;
      turn.responseId = null;
      await this.save(conversation, true);
      if (done !== null) void responses.forget(done);
      notices.say(turn.status === 'failed' ? 'The answer failed.' : 'The answer is finished.');
    }
  }

  private async take(run: Run, turn: AssistantTurn, event: StreamEvent): Promise<void> {
    const elapsed = performance.now() - run.began;
    if (event.type === 'response.created') {
      turn.responseId = event.response!.id;
      // At once, so that a page that is opened anew finds it.
      await this.save(run.conversation, true);
    } else if (event.type === 'response.gptoss.progress') {
      this.progress[turn.id] = { processed: event.processed!, total: event.total! };
    }
    if (event.delta !== undefined) {
      turn.firstTextMs ??= elapsed;
      delete this.progress[turn.id];
    }
    if (event.type === 'response.reasoning_text.done') turn.thoughtMs = elapsed;
    apply(turn.output, event);
    if (event.response && event.type !== 'response.created') finish(turn, event.response);
    void this.save(run.conversation, false);
  }

  private fail(turn: AssistantTurn, error: unknown, isStopped: boolean): void {
    turn.status = isStopped ? 'stopped' : 'failed';
    if (isStopped) return;
    turn.error = error instanceof Error ? error.message : String(error);
    if (error instanceof ApiError && error.needsKey) server.needsKey = true;
  }
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
