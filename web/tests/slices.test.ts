import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { begin, later } from '../src/text/slices';

/** Work whose every step takes a while. */
function* slow(done: number[], num: number, ms: number): Generator<void, void> {
  for (let at = 0; at < num; at++) {
    vi.setSystemTime(Date.now() + ms);
    done.push(at);
    yield;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});

afterEach(() => {
  vi.runAllTimers();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('does at once what there is time for, and the rest in between', () => {
  const done: number[] = [];
  const slices: number[] = [];
  begin(slow(done, 10, 5), () => slices.push(done.length));
  expect(done).toHaveLength(3);
  vi.runAllTimers();
  expect(done).toHaveLength(10);
  expect(slices.slice(0, 3)).toEqual([3, 6, 9]);
});

it('gives the page as much time as a long step took', () => {
  const done: number[] = [];
  begin(slow(done, 2, 300));
  expect(done).toHaveLength(1);
  vi.advanceTimersByTime(290);
  expect(done).toHaveLength(1);
  vi.advanceTimersByTime(20);
  expect(done).toHaveLength(2);
});

it('leaves what is dropped', () => {
  const done: number[] = [];
  const drop = begin(slow(done, 10, 20));
  drop();
  vi.runAllTimers();
  expect(done).toHaveLength(1);
});

it('ends a slice where it is told to, and does others in their turn', () => {
  const done: string[] = [];
  const work = (name: string) =>
    (function* () {
      for (let at = 0; at < 2; at++) {
        done.push(name);
        yield true;
      }
    })();
  begin(work('a'));
  begin(work('b'));
  later(() => done.push('c'));
  vi.runAllTimers();
  expect(done).toEqual(['a', 'a', 'b', 'c', 'b']);
});

it('goes on with others when one fails', () => {
  const done: number[] = [];
  begin(slow([], 1, 50));
  later(() => {
    throw new Error('wrong');
  });
  begin(slow(done, 3, 1));
  expect(() => vi.runAllTimers()).toThrow('wrong');
  vi.runAllTimers();
  expect(done).toEqual([0, 1, 2]);
});
