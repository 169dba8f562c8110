"""Asks a checkpoint what its training never drew: python -m recipes.nano.boundaries.

`evaluate` asks what training is about. Here stands what somebody tries who does not know that, sums at the edge and
questions of people: how many are answered right, and how many refused as was trained. The others are answered wrongly.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptoss.harmony import render
from gptoss.nano import checkpoint_path
from recipes.nano.arithmetic import LEVELS
from recipes.nano.evaluate import RESULTS, TEMPERATURES, conversation
from recipes.nano.example import Example
from recipes.nano.generation import Answer, Answerer
from recipes.nano.mixture import draw_date
from recipes.nano.talk import LIMIT

CSV = "boundaries.csv"
# Of each kind; people's questions are as many as there are.
ASKED = 60

PEOPLE = (
    "What is the capital of France?", "Why is the sky blue?", "Write a haiku about autumn.",
    "Who won the World Cup in 2018?", "Translate \"good morning\" into Spanish.",
    "How do I sort a list in Python?", "Tell me a joke.", "What is the speed of light?",
    "Explain photosynthesis.", "Who wrote Hamlet?", "How far is the moon from the earth?",
    "Is 17 a prime number?", "What is the largest planet?",
    "Write a regular expression for an email address.", "Summarise the plot of Romeo and Juliet.",
    "What should I cook tonight?", "When did the Second World War end?", "What does HTTP 404 mean?",
    "Convert 10 miles to kilometres.", "How many days are there in a leap year?",
    "What is the boiling point of water?", "Give me three names for a cat.",
    "Fix this sentence: he go to school.", "What is a mixture of experts?",
    "Who is the president of the United States?", "What is your favourite colour?",
    "How do I get rich?", "Which is bigger, 9.11 or 9.9?", "How many r's are in strawberry?",
    "List the first five prime numbers.", "Where is the Colosseum?",
    "What is the weather in Oslo?", "Say hello in JSON.", "Are you conscious?", "What is Linux?",
    "Recommend a book.", "How many parameters does Llama 3 have?",
    "What is the context length of GPT-4?", "Who made you?", "Count from one to ten.",
)  # fmt: skip
WORDS = (
    ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7), ("eight", 8), ("nine", 9),
    ("ten", 10), ("twelve", 12), ("twenty", 20), ("one hundred", 100),
)  # fmt: skip

Draw = Callable[[random.Random], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the right answer; None where only a refusal is honest."""

    text: str
    right: str | None
    earlier: tuple[tuple[str, str], ...] = ()


def drawn(rng: random.Random, digits: int) -> int:
    """A number of that many digits."""
    return rng.randrange(10 ** (digits - 1), 10**digits)


def _sum(a: int, b: int) -> tuple[str, str]:
    return f"What is {a} + {b}?", f"{a + b}"


def _difference(a: int, b: int) -> tuple[str, str]:
    return f"What is {a} - {b}?", f"{a - b}"


def _three(a: int, b: int, c: int) -> tuple[str, str]:
    return f"What is {a} + {b} + {c}?", f"{a + b + c}"


def _decimals(a: int, b: int) -> tuple[str, str]:
    return f"What is {a / 10} + {b / 10}?", f"{(a + b) / 10}"


def _separated(a: int, b: int) -> tuple[str, str]:
    return f"What is {a:,} + {b:,}?", f"{a + b}"


def _story(a: int, b: int) -> tuple[str, str]:
    return f"A shop has {a} pens and sells {b}. How many are left?", f"{a - b}"


def _product(rng: random.Random) -> tuple[str, str]:
    """A product, or a quotient that is a whole number."""
    a, b = drawn(rng, 2), drawn(rng, 1)
    return rng.choice(((f"What is {a} * {b}?", f"{a * b}"), (f"What is {a * b} / {b}?", f"{a}")))


def _in_words(rng: random.Random) -> tuple[str, str]:
    (first, a), (second, b) = (rng.choice(WORDS) for _ in range(2))
    return f"What is {first} plus {second}?", f"{a + b}"


# What each kind is called, in the guide as well, and how one of it is drawn.
KINDS: dict[str, Draw] = {
    "`12345 + 67890`: two whole numbers of five digits": lambda r: _sum(drawn(r, 5), drawn(r, 5)),
    "`67890 - 12345`": lambda r: _difference(drawn(r, 5), drawn(r, 5)),
    "`99999 + 1`: a carry out of five nines": lambda r: _sum(99999, r.randint(1, 20)),
    "`39999 + 1`: a carry through four nines": lambda r: _sum(
        10000 * r.randint(1, 8) + 9999, r.randint(1, 9)
    ),
    "`2 + 3`, as the second question": lambda r: _sum(r.randint(0, 9), r.randint(0, 9)),
    "`12345 + 67890`, as the second question": lambda r: _sum(drawn(r, 5), drawn(r, 5)),
    "`1 + 2 + 3`: three numbers": lambda r: _three(drawn(r, 2), drawn(r, 2), drawn(r, 2)),
    "`0.5 + 0.5`: decimals": lambda r: _decimals(drawn(r, 2), drawn(r, 2)),
    "`-3 + 5`: a negative number": lambda r: _sum(-drawn(r, 2), drawn(r, 2)),
    "`1,234 + 567`: separators": lambda r: _separated(drawn(r, 4), drawn(r, 4)),
    "a story with a sum in it": lambda r: _story(drawn(r, 3), drawn(r, 2)),
    "`123456 + 1`: six digits": lambda r: _sum(drawn(r, 6), drawn(r, r.randint(1, 6))),
    "seven digits and more": lambda r: _sum(drawn(r, r.randint(7, 12)), drawn(r, r.randint(1, 9))),
    "`12 * 3`, `12 / 3`": _product,
    "`two plus two`: numbers in words": _in_words,
}
EARLIER = (("What is 48213 + 9077?", "57290"),)
OF_PEOPLE = "questions as people ask them"
# Those that training is about: of these alone a right answer is claimed.
CLAIMED = tuple(KINDS)[:2]


def questions() -> Iterator[tuple[str, list[Question]]]:
    """Each kind and what is asked of it; the same each time."""
    rng = random.Random("boundaries")
    for kind, draw in KINDS.items():
        asked = [draw(rng) for _ in range(ASKED)]
        earlier = EARLIER if kind.endswith("as the second question") else ()
        yield kind, [Question(text, right, earlier) for text, right in asked]
    yield OF_PEOPLE, [Question(text, None) for text in PEOPLE]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of a kind were asked, answered right, and refused; the rest was answered wrongly."""

    kind: str
    level: str
    temperature: float
    asked: int
    right: int
    refused: int


def ask(
    answerer: Answerer, kind: str, asked: Sequence[Question], level: str, temperature: float
) -> Outcome:
    """Ask questions of one kind."""
    rng = random.Random(f"dates {kind}")
    examples = [
        Example(each.text, "", level=level, earlier=each.earlier, date=draw_date(rng))
        for each in asked
    ]
    prompts = [render(conversation(example), answerer.model.tokenizer) for example in examples]
    answers: list[Answer] = answerer.answers(prompts, temperature)
    right = sum(answer.content == each.right for answer, each in zip(answers, asked, strict=True))
    refused = sum(answer.content == LIMIT for answer in answers)
    return Outcome(kind, level, temperature, len(asked), right, refused)


def open_answerer() -> Answerer:
    """The embedded model as it is used without any option."""
    return Answerer(checkpoint_path(), precision="int8", weights="int8", grammar=True)


def read(results: Path = RESULTS) -> list[Outcome]:
    """Return what was measured, as it is kept."""
    with (results / CSV).open(encoding="utf-8") as file:
        return [
            Outcome(
                row["kind"],
                row["level"],
                float(row["temperature"]),
                *(int(row[name]) for name in ("asked", "right", "refused")),
            )
            for row in csv.DictReader(file)
        ]


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table of the guide and the model card: at temperature 1, as it is used by default, by level."""
    lines = ["| asked | right, % | says that it cannot, % |", "|---|---|---|"]
    for kind in (*KINDS, OF_PEOPLE):
        of_kind = [each for each in outcomes if (each.kind, each.temperature) == (kind, 1.0)]
        by_level = {each.level: each for each in of_kind}
        right = " / ".join(_percent(by_level[level].right, by_level[level]) for level in LEVELS)
        refused = " / ".join(_percent(by_level[level].refused, by_level[level]) for level in LEVELS)
        lines.append(f"| {kind} | {right if kind in KINDS else ''} | {refused} |")
    return "\n".join(lines)


def _percent(count: int, of: Outcome) -> str:
    return f"{100 * count / of.asked:.0f}"


def main() -> None:
    answerer = open_answerer()
    with (RESULTS / CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("kind", "level", "temperature", "asked", "right", "refused"))
        for kind, asked in questions():
            for level in LEVELS:
                for temperature in TEMPERATURES:
                    found = ask(answerer, kind, asked, level, temperature)
                    row = (kind, level, temperature, found.asked, found.right, found.refused)
                    print(*row, sep="  ", flush=True)
                    writer.writerow(row)


if __name__ == "__main__":
    main()
