// What an answer is made of, over all the responses that wrote it.

import { textOf, type OutputItem } from '../api/output';
import type { AssistantTurn } from './types';

/** All items of an answer; a text that was cut and gone on with is one. */
export function itemsOf(turn: AssistantTurn): OutputItem[] {
  const last = turn.kept.at(-1);
  const [first, ...rest] = turn.output;
  if (turn.goesOn !== 'text' || !last || !first || last.type !== first.type) {
    return [...turn.kept, ...turn.output];
  }
  const text = textOf(last) + textOf(first);
  const type = first.content?.[0]?.type ?? 'output_text';
  return [...turn.kept.slice(0, -1), { ...first, content: [{ type, text }] }, ...rest];
}

/** Whether its last text is one that the model can go on with. */
export function canGoOn(turn: AssistantTurn): boolean {
  const last = itemsOf(turn).at(-1);
  const isText = last?.type === 'reasoning' || last?.type === 'message';
  return isText && last.phase !== 'commentary' && textOf(last) !== '';
}
