// Short messages: for the eye at the edge of the page, and for screen readers.

class Notices {
  /** What went wrong last. */
  error = $state<string | null>(null);
  /** What a screen reader is told. */
  spoken = $state('');

  fail(error: unknown): void {
    this.error = error instanceof Error ? error.message : String(error);
  }

  say(text: string): void {
    this.spoken = text;
  }
}

export const notices = new Notices();
