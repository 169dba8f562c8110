// What programs write to a terminal, and text that is not what it looks like -> text that a page can show.

// Colours, cursors, titles of windows: from an escape to its end.
const SEQUENCES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
// Controls, and marks that turn the direction of what stands behind them.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text in which what cannot be seen is spelled out, so that it reads as it runs. */
export function spelled(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNSEEN, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** What a terminal would be left with: without colours, and lines that were written over as they were last. */
export function printed(text: string): string {
  const plain = text.includes('\u001b') ? text.replace(SEQUENCES, '') : text;
  if (!plain.includes('\r')) return spelled(plain);
  const lines = plain.replaceAll('\r\n', '\n').split('\n');
  return spelled(lines.map((line) => lastWritten(line)).join('\n'));
}

function lastWritten(line: string): string {
  const whole = line.endsWith('\r') ? line.slice(0, -1) : line;
  return whole.slice(whole.lastIndexOf('\r') + 1);
}

export interface Clamped {
  head: string;
  /** Lines that are left out; 0: `head` is all. */
  hidden: number;
  tail: string;
}

const MOST_LINES = 16;
const HEAD_LINES = 9;
const TAIL_LINES = 4;
const MOST_CHARACTERS = 4_000;

/** The beginning and the end of a text, or all of it where it is short. */
export function clamped(text: string): Clamped {
  const whole = text.endsWith('\n') ? text.slice(0, -1) : text;
  const lines = whole.split('\n');
  if (lines.length <= MOST_LINES && whole.length <= MOST_CHARACTERS) {
    return { head: whole, hidden: 0, tail: '' };
  }
  const isLong = lines.length > MOST_LINES;
  const head = (isLong ? lines.slice(0, HEAD_LINES).join('\n') : whole).slice(
    0,
    MOST_CHARACTERS / 2,
  );
  const last = isLong ? lines.slice(-TAIL_LINES).join('\n') : whole.slice(head.length);
  const tail = last.slice(-MOST_CHARACTERS / 4);
  return { head, hidden: Math.max(1, lines.length - HEAD_LINES - TAIL_LINES), tail };
}
