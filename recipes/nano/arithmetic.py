"""Sums and differences of up to five digits, with a chain of thought by reasoning level.

low answers at once; medium works column by column from the right; high also undoes the calculation and, when the
check disagrees, works it again. Operands are copied out first, padded to five digits, so that a column is found by
its label. A difference below zero is noticed by the borrow that is left at the end, and worked the other way round.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

from recipes.nano.example import Example, Piece

WIDTH = 5
COLUMNS = ("ones", "tens", "hundreds", "thousands", "ten-thousands")
LEVELS = ("low", "medium", "high")
# One pair of operands in sixteen is kept out of training, by a hash that does not change between runs.
HELD_OUT_EVERY = 16
MISTAKE_SHARE = 0.15

ADD_PHRASES = (
    "What is {a} + {b}?",
    "What is {a}+{b}?",
    "{a}+{b}",
    "{a} + {b}",
    "{a} + {b} = ?",
    "{a}+{b}=",
    "what is {a} plus {b}",
    "What is {a} plus {b}?",
    "Add {a} and {b}.",
    "add {a} and {b}",
    "Please add {a} and {b}.",
    "Compute {a} + {b}.",
    "compute {a}+{b}",
    "Calculate {a} + {b}",
    "calculate {a} plus {b}",
    "What's {a} + {b}?",
    "whats {a}+{b}?",
    "How much is {a} + {b}?",
    "how much is {a} plus {b}?",
    "What is the sum of {a} and {b}?",
    "Sum of {a} and {b}",
    "Can you add {a} and {b}?",
    "Can you tell me {a} + {b}?",
    "{a} plus {b}",
    "Work out {a} + {b}, please.",
    "I have {a} apples and get {b} more. How many apples do I have?",
)
SUBTRACT_PHRASES = (
    "What is {a} - {b}?",
    "What is {a}-{b}?",
    "{a}-{b}",
    "{a} - {b}",
    "{a} - {b} = ?",
    "{a}-{b}=",
    "what is {a} minus {b}",
    "What is {a} minus {b}?",
    "Compute {a} - {b}.",
    "compute {a}-{b}",
    "Calculate {a} - {b}",
    "calculate {a} minus {b}",
    "What's {a} - {b}?",
    "whats {a}-{b}?",
    "How much is {a} - {b}?",
    "how much is {a} minus {b}?",
    "Subtract: {a} - {b}",
    "Please compute {a} minus {b}.",
    "What is the difference {a} - {b}?",
    "Can you tell me {a} - {b}?",
    "{a} minus {b}",
    "Work out {a} - {b}, please.",
    "I have {a} apples and give away {b}. How many apples do I have?",
)


@dataclass(frozen=True, slots=True)
class Sum:
    """a + b or a - b."""

    a: int
    b: int
    sign: str

    @property
    def result(self) -> int:
        return self.a + self.b if self.sign == "+" else self.a - self.b

    @property
    def digits(self) -> int:
        """Digits of the longer operand."""
        return max(len(str(self.a)), len(str(self.b)))

    @property
    def is_held_out(self) -> bool:
        """Whether this pair is for evaluation only."""
        key = f"{self.a}{self.sign}{self.b}".encode()
        # Small sums are too few to keep any back: all of them are facts to be learnt.
        return self.digits > 1 and zlib.crc32(key) % HELD_OUT_EVERY == 0


def draw_operand(rng: random.Random, digits: int) -> int:
    """A number of that many digits; one digit includes zero."""
    return rng.randrange(0 if digits == 1 else 10 ** (digits - 1), 10**digits)


def draw_sum(rng: random.Random, digits: int, sign: str, *, held_out: bool) -> Sum:
    """Operands of which the longer has `digits` digits, from one side of the held-out split."""
    while True:
        long = draw_operand(rng, digits)
        # Half of the pairs have equal lengths; in the others the shorter operand may have any length.
        short = draw_operand(rng, digits if rng.random() < 0.5 else rng.randint(1, digits))
        a, b = (long, short) if rng.random() < 0.5 else (short, long)
        drawn = Sum(a, b, sign)
        if digits == 1 or drawn.is_held_out == held_out:
            return drawn


def column(a: int, b: int, carry: int, sign: str) -> tuple[int, int]:
    """One column's digit and what it carries or borrows."""
    value = a + b + carry if sign == "+" else a - b - carry
    return value % 10, int(value > 9 or value < 0)


def work_columns(
    a: int, b: int, sign: str, mistake: tuple[int, int] | None = None
) -> tuple[str, int, int]:
    """The written-out columns, the five-digit result and the last carry; `mistake` adds to one column's digit."""
    lines = [f"{a:0{WIDTH}d}{sign}{b:0{WIDTH}d}"]
    carry, digits = 0, []
    mark = "c" if sign == "+" else "b"
    for index, label in enumerate(COLUMNS):
        x, y = a // 10**index % 10, b // 10**index % 10
        digit, carried = column(x, y, carry, sign)
        if mistake and mistake[0] == index:
            digit = (digit + mistake[1]) % 10
        lines.append(f"{label} {x}{sign}{y}{sign}{carry}={digit} {mark}{carried}")
        digits.append(digit)
        carry = carried
    result = int("".join(map(str, reversed(digits))))
    return "\n".join(lines) + "\n", result, carry


def work(problem: Sum, mistake: tuple[int, int] | None = None) -> tuple[str, Sum, int, int]:
    """Columns and readout; a difference below zero is turned round. Returns also what was worked at last."""
    text, result, carry = work_columns(
        problem.a, problem.b, problem.sign, None if problem.result < 0 else mistake
    )
    if problem.sign == "-" and carry:
        turned = Sum(problem.b, problem.a, "-")
        again, result, carry = work_columns(turned.a, turned.b, "-", mistake)
        return (
            f"{text}below zero, turn round\n{again}= -{result:0{WIDTH}d}\n",
            turned,
            result,
            carry,
        )
    head = str(carry) if problem.sign == "+" else ""
    return f"{text}= {head}{result:0{WIDTH}d}\n", problem, result, carry


def check(worked: Sum, result: int) -> tuple[str, bool]:
    """Undo the calculation; agrees if that gives back the first operand."""
    undo = "-" if worked.sign == "+" else "+"
    text, back, _ = work_columns(result, worked.b, undo)
    agrees = back == worked.a
    return f"check\n{text}= {back:0{WIDTH}d}, {'right' if agrees else 'wrong'}\n", agrees


def reasoning(problem: Sum, level: str, rng: random.Random) -> tuple[Piece, ...]:
    """The chain of thought of a level; at high, some open with a mistake that the check finds."""
    if level == "low":
        return ()
    if level == "medium":
        return (Piece(work(problem)[0].rstrip("\n")),)
    pieces: list[Piece] = []
    if rng.random() < MISTAKE_SHARE:
        text, worked, result, _ = work(problem, (rng.randrange(WIDTH), rng.randint(1, 9)))
        found, _ = check(worked, result)
        pieces += [Piece(text, is_learnt=False), Piece(found + "again\n")]
    text, worked, result, _ = work(problem)
    found, agrees = check(worked, result)
    assert agrees
    pieces += [Piece(text), Piece(found.rstrip("\n"))]
    return tuple(pieces)


def sum_example(rng: random.Random, problem: Sum, level: str) -> Example:
    """A question in one of many phrasings, worked at that level."""
    phrases = ADD_PHRASES if problem.sign == "+" else SUBTRACT_PHRASES
    user = rng.choice(phrases).format(a=problem.a, b=problem.b)
    kind = f"{problem.sign}{problem.digits}"
    return Example(user, f"{problem.result}", reasoning(problem, level, rng), level, kind=kind)
