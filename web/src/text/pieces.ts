// Plain text that grows, in pieces: the browser lays out anew only what changed.

const PIECE = 4_000;

/** A text in pieces that end with a line, as long as lines do. All together they are the text. */
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const end = text.indexOf('\n', from + PIECE) + 1;
    const to = end === 0 ? text.length : end;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** Its last line that has anything in it. */
export function lastLineOf(text: string): string {
  const whole = text.trimEnd();
  return whole.slice(whole.lastIndexOf('\n') + 1);
}
