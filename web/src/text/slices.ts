// Work in slices: the page answers and draws in between, however much there is to do.

/** Does a part of something with each step. One that gives true ends the slice. */
export type Work = Iterator<unknown>;

interface Task {
  work: Work;
  /** After each slice that it had a share of. */
  onSlice: () => void;
}

const SLICE_MS = 12;
const waiting = new Set<Task>();
let spentMs = 0;
let isArmed = false;

/** Begin work, at once where there is time left, and go on with it later. Gives a function that drops the rest. */
export function begin(work: Work, onSlice: () => void = () => undefined): () => void {
  const task = { work, onSlice };
  waiting.add(task);
  // What came before has its turn first.
  if (waiting.size === 1) slice();
  else arm();
  return () => waiting.delete(task);
}

function slice(): void {
  for (const task of waiting) {
    if (spentMs >= SLICE_MS) break;
    const began = performance.now();
    const isDone = advance(task.work, SLICE_MS - spentMs);
    if (isDone) waiting.delete(task);
    task.onSlice();
    spentMs += performance.now() - began;
  }
  arm();
}

function advance(work: Work, ms: number): boolean {
  const latest = performance.now() + ms;
  do {
    const { done, value } = work.next();
    if (done) return true;
    if (value === true) return false;
  } while (performance.now() < latest);
  return false;
}

/** A step may take far longer than a slice: then the page has as much time for itself. */
function arm(): void {
  if (isArmed) return;
  isArmed = true;
  setTimeout(
    () => {
      isArmed = false;
      spentMs = 0;
      if (waiting.size > 0) slice();
    },
    spentMs > 2 * SLICE_MS ? spentMs : 0,
  );
}

/** Do one thing when there is time for it. */
export function later(step: () => void): void {
  begin(
    (function* () {
      step();
      yield;
    })(),
  );
}
