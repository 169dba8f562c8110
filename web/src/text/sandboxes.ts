// Sandboxes for people.

const BY_RUNG: Record<string, string> = {
  bubblewrap:
    'Runs in bubblewrap: no network, no other programs, no files of this machine. Time and memory are limited.',
  landlock:
    'Runs in Landlock: no network, no other programs, no contents of files of this machine; names and sizes of files ' +
    'can be seen. Time and memory are limited.',
};

/** What a sandbox of a rung stops, in plain words. */
export function sandboxText(rung: string): string {
  return BY_RUNG[rung] ?? `Runs in a sandbox (${rung}).`;
}
