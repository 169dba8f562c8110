// Work in slices: the page answers and draws in between, however much there is to do.

/** Does a part of something with each step. One that gives true ends the slice. */
export type Work = Iterator<unknown>;

interface Task {
  work: Work;
  /** After each slice that it had a share of. */
  onSlice: () => void;
}

const SLICE_MS = 12;
/** A machine that was asleep has not been busy. */
const LONGEST_REST_MS = 1_000;
const waiting = new Set<Task>();
let sliceBegan = 0;
/** From the beginning of a slice until the page has had its time after it. */
let isBusy = false;

/** Begin work, at once where there is time left, and go on with it later. Gives a function that drops the rest. */
export function begin(work: Work, onSlice: () => void = () => undefined): () => void {
  const task = { work, onSlice };
  waiting.add(task);
  if (!isBusy) slice();
  // What came before has its turn first.
  else if (waiting.size === 1) advance();
  return () => waiting.delete(task);
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

function slice(): void {
  isBusy = true;
  sliceBegan = performance.now();
  setTimeout(rest, 0);
  advance();
}

/** What came of a slice may take far longer than itself: then the page has as much time for others. */
function rest(): void {
  const took = performance.now() - sliceBegan;
  if (took > 2 * SLICE_MS) setTimeout(goOn, Math.min(took, LONGEST_REST_MS));
  else goOn();
}

function goOn(): void {
  isBusy = false;
  if (waiting.size > 0) slice();
}

function advance(): void {
  for (const task of waiting) {
    if (performance.now() >= sliceBegan + SLICE_MS) return;
    let isOver = true;
    try {
      isOver = isDone(task.work);
    } finally {
      // What fails is not tried again, and does not keep the others.
      if (isOver) waiting.delete(task);
    }
    task.onSlice();
  }
}

/** Take steps as long as there is time in this slice. */
function isDone(work: Work): boolean {
  do {
    const { done, value } = work.next();
    if (done) return true;
    if (value === true) return false;
  } while (performance.now() < sliceBegan + SLICE_MS);
  return false;
}
