// What an answer is made of, over all the responses that wrote it.

import { textOf, withText, type OutputItem } from '../api/output';
import type { AssistantTurn } from './types';

/** All items of an answer; a text that was cut and gone on with is one. */
export function itemsOf(turn: AssistantTurn): OutputItem[] {
  const last = turn.kept.at(-1);
  const [first, ...rest] = turn.output;
  const isText = first?.type === 'reasoning' || first?.type === 'message';
  if (turn.goesOn !== 'text' || !last || !isText || last.type !== first.type) {
    return [...turn.kept, ...turn.output];
  }
  const whole = withText(first, textOf(last) + textOf(first));
  return [...turn.kept.slice(0, -1), whole, ...rest];
}

/** Whether its last text is one that the model can go on with. */
export function canGoOn(turn: AssistantTurn): boolean {
  const last = itemsOf(turn).at(-1);
  if (last?.type === 'message') return last.phase !== 'commentary' && textOf(last) !== '';
  return last?.type === 'reasoning' && textOf(last) !== '';
}
