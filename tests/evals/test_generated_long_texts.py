"""Long texts: lengths by a tokenizer, depths, and answers in several spellings."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from gptoss.errors import EvalError
from gptoss.evals.generated.counting import Counting
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.haystack import FRAME_TOKENS, haystack
from gptoss.evals.generated.long_suite import LongSuite
from gptoss.evals.generated.needle import Needle
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.generated.tracking import Tracking
from gptoss.evals.grade import Grade, Outcome
from gptoss.evals.question import Answer
from gptoss.evals.suite import Sample
from gptoss.tokenizer import Tokenizer
from tests import o200k
from tests.evals.answering import told


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return o200k.tokenizer()


@pytest.mark.parametrize("kind", [Needle, Tracking, Counting])
def test_prompts_are_as_long_as_they_say(kind: type[LongSuite], tokenizer: Tokenizer) -> None:
    def count(text: str) -> int:
        return len(tokenizer.encode(text))

    suite = kind(GeneratedOptions(size=14, context=40_000, count_tokens=count))
    for sample in suite.samples():
        length = count(told(suite.question(sample)))
        wanted = sample.data["length"]
        assert isinstance(wanted, int)
        # With the frame, never longer; and what a paragraph or a round of words leaves is little.
        assert 0.92 * wanted - FRAME_TOKENS <= length <= wanted - FRAME_TOKENS, sample


def test_the_longest_has_a_hundred_and_twenty_eight_thousand_tokens() -> None:
    suite = Needle(GeneratedOptions(size=7))
    longest = max(suite.samples(), key=lambda sample: int(str(sample.data["length"])))
    assert longest.category["length"] == "128k"
    assert 4 * 126_000 < len(told(suite.question(longest))) <= 4 * 128_000


@pytest.mark.parametrize("kind", [Needle, Tracking, Counting])
def test_what_does_not_fit_is_left_out_and_counted(kind: type[LongSuite]) -> None:
    suite = kind(GeneratedOptions(size=42, context=9000))
    kept = suite.samples()
    assert {sample.data["length"] for sample in kept} == {2000, 4000}
    assert suite.skipped == {"longer than the context": 42 - len(kept)}
    assert any("estimated" in line for line in suite.card.differs)
    counted = kind(GeneratedOptions(size=42, count_tokens=len))
    assert not any("estimated" in line for line in counted.card.differs)
    with pytest.raises(EvalError, match="got a context of 4,000 tokens, wanted 4,048 or more"):
        kind(GeneratedOptions(context=4000)).samples()


@pytest.mark.parametrize("depth", [0.0, 0.3, 1.0])
def test_a_sentence_stands_at_its_depth(depth: float) -> None:
    text = haystack(Draws("depth"), 8000, len, [(depth, "FIRST."), (depth, "SECOND.")])
    paragraphs = text.split("\n\n")
    place = paragraphs.index("FIRST.")
    assert paragraphs[place + 1] == "SECOND."
    count = len(paragraphs) - 2
    assert place == max(1, round(depth * count))


def _codes(sample: Sample) -> list[str]:
    data = sample.data
    (name,) = data["asked"]  # type: ignore[misc]
    return data["given"][name]  # type: ignore[index, no-any-return]


@pytest.fixture(scope="module")
def needle() -> Needle:
    return Needle(GeneratedOptions(size=35, context=5000))


def _graded(suite: LongSuite, sample: Sample, content: str) -> Grade:
    return suite.grade(sample, Answer(content=content))


def _of_form(suite: LongSuite, form: str) -> Sample:
    return next(sample for sample in suite.samples() if sample.category["form"] == form)


def test_single_needles_in_many_spellings(needle: Needle) -> None:
    sample = _of_form(needle, "single")
    (name,), (code,) = sample.data["asked"], _codes(sample)  # type: ignore[misc]
    other = str((int(code) + 1) % 10**7).zfill(7)
    for content in (code, f"{name}: {code}", f"- **{name.title()}**: {code}.", f"`{name}: {code}`"):
        assert _graded(needle, sample, content).outcome is Outcome.RIGHT, content
    for content in (other, f"{name}: {code}, {other}", f"{name}: {code}\nlamp: {other}", "NONE"):
        assert _graded(needle, sample, content).outcome is Outcome.WRONG, content
    for content in ("", "I do not know.", code[:-1], f"1{code}"):
        assert _graded(needle, sample, content).outcome is Outcome.NO_ANSWER, content


def test_absent_needles(needle: Needle) -> None:
    sample = _of_form(needle, "absent")
    present, absent = sample.data["asked"]  # type: ignore[misc]
    (code,) = sample.data["given"][present]  # type: ignore[index]
    for right in (f"{present}: {code}\n{absent}: NONE", f"{absent}: none\n{present}: {code}"):
        assert _graded(needle, sample, right).outcome is Outcome.RIGHT
    for wrong in (
        f"{present}: {code}",
        f"{present}: {code}\n{absent}: {code}",
        f"{present}: NONE\n{absent}: NONE",
        f"{present}: {code}\n{absent}: 1234567",
    ):
        assert _graded(needle, sample, wrong).outcome is Outcome.WRONG, wrong


def test_several_values_are_all_wanted(needle: Needle) -> None:
    sample = _of_form(needle, "values")
    codes = _codes(sample)
    assert len(codes) == 4
    assert _graded(needle, sample, ", ".join(codes[::-1])).outcome is Outcome.RIGHT
    assert _graded(needle, sample, ", ".join(codes[:3])).outcome is Outcome.WRONG


def test_every_code_that_is_asked_for_is_in_the_text(needle: Needle) -> None:
    for sample in needle.samples():
        text = needle.text(sample)
        given = sample.data["given"]
        for name in sample.data["asked"]:  # type: ignore[attr-defined]
            found = re.findall(rf"The code of the {name} is (\d{{7}})\.", text)
            assert sorted(found) == sorted(given.get(name, []))  # type: ignore[attr-defined]


def test_variables_can_be_followed_through_the_text() -> None:
    suite = Tracking(GeneratedOptions(size=24, context=9000))
    for sample in suite.samples():
        values: dict[str, str] = {}
        for name, value, source in re.findall(
            r"The variable (\w+) (?:is set to (\d+)|takes the value of (\w+))\.", suite.text(sample)
        ):
            # Each stands behind what it needs, or this raises KeyError.
            values[name] = value or values[source]
        wanted = str(sample.data["value"])
        assert {name for name, value in values.items() if value == wanted} == set(
            sample.data["variables"]  # type: ignore[call-overload]
        )
        assert len(sample.data["variables"]) == int(sample.category["hops"]) + 1  # type: ignore[arg-type]
        assert len(set(values.values())) == 5


def test_variables_in_answers() -> None:
    suite = Tracking(GeneratedOptions(size=8, context=5000))
    sample = suite.samples()[0]
    names: list[str] = list(sample.data["variables"])  # type: ignore[call-overload]
    assert _graded(suite, sample, f"They are {' and '.join(names)}.").outcome is Outcome.RIGHT
    missing = _graded(suite, sample, ", ".join(names[:-1]))
    assert (missing.outcome, missing.reason) == (Outcome.WRONG, f"lacks {names[-1]}")
    extra = _graded(suite, sample, ", ".join([*names, "ZZ99Z"]))
    assert (extra.outcome, extra.reason) == (Outcome.WRONG, "has too many: ZZ99Z")
    assert _graded(suite, sample, "none").outcome is Outcome.NO_ANSWER


def test_the_wanted_words_are_the_most_frequent_ones() -> None:
    suite = Counting(GeneratedOptions(size=24, context=9000))
    for sample in suite.samples():
        counts = Counter(suite.text(sample).rpartition("\n\n")[0].split())
        wanted = list(sample.data["words"])  # type: ignore[call-overload]
        ranked = counts.most_common(len(wanted) + 1)
        assert {word for word, _ in ranked[:-1]} == set(wanted)
        # The first that is not wanted is clearly rarer.
        assert ranked[-1][1] < 0.8 * ranked[-2][1]


def test_words_in_answers() -> None:
    suite = Counting(GeneratedOptions(size=8, context=5000))
    sample = suite.samples()[0]
    words = list(sample.data["words"])  # type: ignore[call-overload]
    assert _graded(suite, sample, ", ".join(words).upper()).outcome is Outcome.RIGHT
    thought = f"First I saw tobadi and kasolu.\n{', '.join(words)}\n"
    assert _graded(suite, sample, thought).outcome is Outcome.RIGHT
    some = _graded(suite, sample, ", ".join(words[:2]))
    assert some.outcome is Outcome.WRONG
    assert some.reason == f"2 of {len(words)} are right"
    assert some.details["overlap"] == pytest.approx(2 / len(words))
    assert _graded(suite, sample, "potato, remove").outcome is Outcome.NO_ANSWER
