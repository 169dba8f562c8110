// What is known of the server.

import { ApiError, models, tools, type ModelInfo, type OfferedTools } from '../api/client';

type Offered = OfferedTools['data'][number];
export type OfferedPython = Extract<Offered, { type: 'code_interpreter' }>;
export type OfferedFunction = Extract<Offered, { type: 'mcp' }>['tools'][number];

const RETRY_MS = 1500;

class Server {
  model = $state<ModelInfo | null>(null);
  /** What the server runs for the model: Python, and functions of its operator's. */
  python = $state<OfferedPython | null>(null);
  functions = $state<OfferedFunction[]>([]);
  needsKey = $state(false);
  /** Why the model is not known yet: it is being opened, or nobody answers. */
  trouble = $state<string | null>(null);

  /** Ask for the model until it is there, or a key is wanted. */
  async connect(): Promise<void> {
    for (;;) {
      try {
        const [found, offered] = await Promise.all([models(), tools()]);
        this.python = offered.data.find((each) => each.type === 'code_interpreter') ?? null;
        this.functions = offered.data.find((each) => each.type === 'mcp')?.tools ?? [];
        this.model = found[0] ?? null;
        this.trouble = null;
        this.needsKey = false;
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this.trouble = error.message;
        if (error.needsKey) {
          this.needsKey = true;
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

export const server = new Server();
