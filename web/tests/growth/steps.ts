// Steps of a program, counted: V8 tells how often each block of it ran. What is within a regular expression is not seen.

import { Session, type Profiler } from 'node:inspector';

// Blocks are counted of what is compiled from here on: this module is to be imported before what is measured.
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

/** How many blocks of JavaScript ran while something was done. */
export function stepsOf(work: () => void): number {
  taken();
  work();
  return taken();
}

/** All since it was asked last. */
function taken(): number {
  let steps = 0;
  session.post('Profiler.takePreciseCoverage', (error, found) => {
    if (error) throw error;
    steps = sum(found);
  });
  return steps;
}

function sum({ result }: Profiler.TakePreciseCoverageReturnType): number {
  const ranges = result.flatMap(({ functions }) => functions.flatMap((each) => each.ranges));
  return ranges.reduce((steps, range) => steps + range.count, 0);
}
