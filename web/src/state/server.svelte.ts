// What is known of the server.

import { ApiError, models, type ModelInfo } from '../api/client';

const RETRY_MS = 1500;

class Server {
  model = $state<ModelInfo | null>(null);
  needsKey = $state(false);
  /** Why the model is not known yet: it is being opened, or nobody answers. */
  trouble = $state<string | null>(null);

  /** Ask for the model until it is there, or a key is wanted. */
  async connect(): Promise<void> {
    for (;;) {
      try {
        this.model = (await models())[0] ?? null;
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
