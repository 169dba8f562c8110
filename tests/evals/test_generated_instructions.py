"""Constraints on texts: each kind met and missed, told and made."""

from __future__ import annotations

import itertools

import pytest

from gptoss.evals.generated.constraints.draft import Draft
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.instructions import KINDS, Instructions
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.grade import Outcome
from gptoss.evals.question import Answer
from gptoss.evals.suite import Sample

# Kind, parameters, texts that meet it, texts that do not.
LABELLED: list[tuple[str, dict[str, object], list[str], list[str]]] = [
    (
        "points",
        {"count": 2},
        ["- One.\n- Two.", "* One.\n\n* Two.", "• One.\n• Two."],
        ["- One.", "Here:\n- One.\n- Two.", "- One. - Two.", "-One.\n-Two.", "1. One.\n2. Two."],
    ),
    (
        "numbered",
        {"count": 3},
        ["1. a\n2. b\n3. c"],
        ["1. a\n2. b", "1. a\n1. b\n1. c", "1) a\n2) b\n3) c", "a\nb\nc"],
    ),
    (
        "paragraphs",
        {"count": 2},
        ["One.\n\n***\n\nTwo.", "One.\n***\nTwo."],
        ["One.\n\nTwo.", "***\n\nOne.", "One *** two."],
    ),
    ("lines", {"count": 3}, ["a\nb\nc", "a\n\nb\n\nc\n"], ["a\nb", "a b c"]),
    (
        "sentences",
        {"count": 4},
        ["One. Two! Three? Four."],
        ["One. Two. Three.", "One. Two.\nThree. Four."],
    ),
    (
        "two answers",
        {},
        ["Yes.\n======\nNo."],
        ["Yes.\n======\nYes.", "Yes.", "======\nNo.", "a======b======c"],
    ),
    (
        "sections",
        {"count": 2},
        ["SECTION 1\nOne.\n\nSECTION 2\nTwo.", "Section 1\nOne.\nSection 2\nTwo."],
        [
            "SECTION 1\nOne.",
            "Begin\nSECTION 1\nOne.\nSECTION 2\nTwo.",
            "SECTION 2\nOne.\nSECTION 1\nTwo.",
            "SECTION 1\nSECTION 2\nTwo.",
        ],
    ),
    (
        "acrostic",
        {"word": "bread"},
        ["Bees\nrun\neast\nat\ndawn", "- Bees\n- Run\n- East\n- At\n- Dawn"],
        ["Bees\nrun\neast\nat", "Bees run east at dawn", "B\nr\ne\na\nx"],
    ),
    (
        "initials",
        {"count": 3, "letter": "B"},
        ["Bees\nbuzz\nby"],
        ["Bees\nbuzz", "Bees\nfly\nby", "- Bees\n- buzz\n- by"],
    ),
    (
        "object",
        {"keys": ["time", "place"]},
        ['{"time": "now", "place": "here"}', '{"Place": "here", "TIME": "now"}'],
        [
            '```json\n{"time": "now", "place": "here"}\n```',
            '{"time": "now"}',
            '{"time": 3, "place": "here"}',
            "[]",
            "{}",
            '{"time": "", "place": "here"}',
        ],
    ),
    (
        "word range",
        {"low": 3, "high": 4},
        ["One two three.", "It's a well-known fact."],
        ["One two.", "1 2 3 4 5"],
    ),
    ("lower case", {}, ["one two three four five."], ["One two three four five.", "one"]),
    ("upper case", {}, ["ONE TWO THREE FOUR FIVE."], ["ONE TWO THREE FOUR FiVE.", "ONE"]),
    (
        "capital words",
        {"count": 2},
        ["A NEW day, an OLD way.", "I SEE YOU."],
        ["A NEW day.", "NEW OLD BIG."],
    ),
    (
        "without letter",
        {"letter": "b"},
        ["one two three four five"],
        ["one two three four Bee", "one"],
    ),
    (
        "without commas",
        {},
        ["one two three four five"],
        ["one, two three four five", "one two; three four five", "one"],
    ),
    (
        "repeated word",
        {"word": "maple", "count": 2},
        ["Maple, maple.", "a maple or maple"],
        ["maple", "maple maples", "a maple's maple"],
    ),
    (
        "ordered words",
        {"words": ["dawn", "echo", "yarn"]},
        ["At dawn we hear an echo and then the old yarn is told again."],
        [
            "dawn echo yarn",
            "At echo we hear a dawn and then the old yarn is told again.",
            "At dawn dawn we hear an echo and then the old yarn is told again.",
        ],
    ),
    (
        "without words",
        {"words": ["dawn", "echo", "yarn"]},
        ["one two three four five"],
        ["one two three four Dawn", "one"],
    ),
    (
        "script",
        {"script": "Greek"},
        ["Καλημέρα, ήλιε και θάλασσα 12!"],
        ["Καλημέρα sun and sea and the rest", "Ναι.", "12345"],
    ),
    (
        "script",
        {"script": "Cyrillic"},
        ["Доброе утро, солнце и море!"],
        ["Καλημέρα, ήλιε και θάλασσα!", "Dobroe utro, solnce i more!"],
    ),
    (
        "first word",
        {"word": "maple"},
        ["Maple trees.", "- Maple trees.", "1. Maple trees.", '"Maple trees."'],
        ["Maples are trees.", "A maple.", "maple"],
    ),
    (
        "title",
        {},
        ["<<Dawn>>\nIt comes.", "**<<Dawn>>**\n\nIt comes."],
        ["Dawn\nIt comes.", "<<Dawn>>", "<<Dawn>> It comes.\nYes."],
    ),
    (
        "last words",
        {"end": "And so it stays."},
        ["Yes. And so it stays.", "*Yes. And so it stays.*"],
        ["And so it stays.", "Yes. And so it stays. Bye.", "Yes. So it stays."],
    ),
    (
        "postscript",
        {},
        ["Yes.\nP.S. No.", "Yes.\n\nP. S.: No."],
        ["P.S. No.", "Yes. P.S. No.", "Yes.\nPS No.", "Yes.\nP.S. No.\nYes."],
    ),
    (
        "highlights",
        {"count": 2},
        ["*one* and *two three*."],
        ["*one*", "**one** and **two**", "2 * 3 * 4", "*one* *two* *three*"],
    ),
    (
        "placeholders",
        {"count": 2},
        ["Dear [name], on [date]"],
        ["Dear [name]", "[a] [b] [c]", "[] []"],
    ),
    ("quoted", {}, ['"Yes and no."', "“Yes and no.”"], ["Yes.", '"Yes and" no.', '""']),
]


def test_every_kind_is_labelled() -> None:
    assert {name for name, *_ in LABELLED} == set(KINDS)
    assert len(KINDS) >= 20


@pytest.mark.parametrize(
    ("name", "given", "met", "missed"),
    LABELLED,
    ids=[f"{e[0]}-{i}" for i, e in enumerate(LABELLED)],
)
def test_labelled_texts(
    name: str, given: dict[str, object], met: list[str], missed: list[str]
) -> None:
    kind = KINDS[name]
    for text in met:
        assert kind.is_met(text, given), text
    for text in [*missed, ""]:
        assert not kind.is_met(text, given), text


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_told_and_made(name: str) -> None:
    kind = KINDS[name]
    for number in range(40):
        draws = Draws("kind", number)
        given = kind.draw(draws)
        draft = Draft()
        kind.shape(draft, given)
        text = draft.written(draws)
        # A word drawn twice may spoil one; that it is drawn again, the suite sees to.
        if kind.is_met(text, given):
            break
    else:
        pytest.fail(f"no draft met {name}")
    told = kind.text(given)
    assert "{" not in told
    for value in given.values():
        for each in value if isinstance(value, list) else [value]:
            assert str(each) in told


def test_every_pair_of_groups_can_be_asked_for_together() -> None:
    samples = Instructions(GeneratedOptions(size=1500)).samples()
    seen = set()
    for sample in samples:
        constraints: list[tuple[str, object]] = sample.data["constraints"]  # type: ignore[assignment]
        groups = [KINDS[name].group for name, _ in constraints]
        assert len(set(groups)) == len(groups) == int(sample.category["constraints"])
        assert not KINDS[constraints[0][0]].is_loose
        seen |= {frozenset(pair) for pair in itertools.combinations(groups, 2)}
    groups = sorted({kind.group for kind in KINDS.values()})
    missing = {frozenset(p) for p in itertools.combinations(groups, 2)} - seen
    # Letters of another script leave no room for a title's or an end's words.
    allowed = {frozenset(("script", other)) for other in groups}
    assert missing <= allowed, missing


def _sample(*constraints: tuple[str, dict[str, object]]) -> Sample:
    return Sample(id="one", data={"topic": "rivers", "constraints": constraints, "possible": ""})


def test_loose_answers_are_told_by_their_stage() -> None:
    suite = Instructions()
    sample = _sample(("numbered", {"count": 2}))
    strict = suite.grade(sample, Answer(content="1. a\n2. b\n"))
    assert (strict.outcome, strict.stage) == (Outcome.RIGHT, "strict")
    for content in (
        "Sure!\n1. a\n2. b",
        "1. a\n2. b\nBye!",
        "Sure!\n1. a\n2. b\nBye!",
        "**1. a**\n**2. b**",
    ):
        loose = suite.grade(sample, Answer(content=content))
        assert (loose.outcome, loose.stage, loose.score) == (Outcome.WRONG, "loose", 0.0), content
    wrong = suite.grade(sample, Answer(content="a\nb"))
    assert (wrong.outcome, wrong.stage) == (Outcome.WRONG, "")
    assert wrong.reason == "not met: numbered"


def test_each_constraint_is_judged_by_itself() -> None:
    sample = _sample(("lines", {"count": 2}), ("first word", {"word": "maple"}))
    grade = Instructions().grade(sample, Answer(content="Maple trees."))
    assert grade.details == {"lines": False, "first word": True}
    assert grade.reason == "not met: lines"


def test_an_empty_answer_is_none() -> None:
    sample = _sample(("lines", {"count": 2}))
    assert Instructions().grade(sample, Answer(content=" \n")).outcome is Outcome.NO_ANSWER
    cut_off = Answer(content="", finish_reason="length")
    assert Instructions().grade(sample, cut_off).outcome is Outcome.CUT_OFF
