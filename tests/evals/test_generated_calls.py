"""Calls against the right ones, and conversations in which they are made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest

from gptoss.evals.asker import Sampling
from gptoss.evals.generated.calls import calling, difference, is_value
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.generated.tools import Tools
from gptoss.evals.grade import Grade, Outcome
from gptoss.evals.model_asker import ModelAsker
from gptoss.evals.question import Answer, Call, Question
from gptoss.evals.suite import Sample
from gptoss.runtime import LoadedModel
from tests.evals.answering import asked, play

SAME = [
    (1, 1.0), (2.5, 2.5), ("Riga", "riga "), (True, True), (None, None), ([1, "A"], [1.0, "a"]),
    ({"a": {"b": 1}}, {"a": {"b": 1}}), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
]  # fmt: skip
OTHER = [
    (1, "1"), ("1", 1), (1, True), (True, 1), (True, "true"), (0, False), (None, ""), ([1, 2], [2, 1]), ([1], [1, 2]),
    ({"a": 1}, {"a": 1, "b": 2}), ({"a": 1}, {}), ({"a": 1}, [1]), ("Riga", "Rig"), (1, 2), ({}, None),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "found"), SAME)
def test_values_that_are_the_same(wanted: object, found: object) -> None:
    assert is_value(found, wanted)


@pytest.mark.parametrize(("wanted", "found"), OTHER)
def test_values_that_are_not(wanted: object, found: object) -> None:
    assert not is_value(found, wanted)


def _call(name: str, arguments: object) -> Call:
    return Call(name, arguments if isinstance(arguments, str) else json.dumps(arguments))


ONE, TWO = {"name": "one", "arguments": {"a": 1}}, {"name": "two", "arguments": {"b": "x"}}


@pytest.mark.parametrize(
    ("made", "right", "said"),
    [
        ([], [], ""),
        ([_call("one", {"a": 1})], [ONE], ""),
        ([_call("two", {"b": "X"}), _call("one", {"a": 1})], [ONE, TWO], ""),
        ([_call("one", {"a": 1})] * 2, [ONE, ONE], ""),
        ([_call("one", {"a": 1})], [], "one call too many"),
        ([_call("one", {"a": 1})] * 2, [ONE], "one call too many"),
        ([], [ONE], "got no call"),
        ([_call("one", {"a": 1})], [ONE, ONE], "wanted one with"),
        ([_call("one", {"a": 2})], [ONE], "wanted one with"),
        ([_call("two", {"a": 1})], [ONE], "wanted one with"),
        ([_call("one", '{"a": 1')], [ONE], "wanted one with"),
        ([_call("one", "[" * 5000)], [ONE], "wanted one with"),
        ([_call("one", "[1]")], [ONE], "wanted one with"),
        ([_call("one", "")], [{"name": "one", "arguments": {}}], ""),
    ],
)
def test_calls_and_their_differences(
    made: Sequence[Call], right: Sequence[dict], said: str
) -> None:
    found = difference(made, right)
    assert found.startswith(said) if said == "" else said in found
    assert bool(found) == bool(said)


@pytest.fixture(scope="module")
def suite() -> Tools:
    return Tools(GeneratedOptions(size=32))


def _of_form(suite: Tools, form: str) -> Sample:
    return next(sample for sample in suite.samples() if sample.category["form"] == form)


def _played(suite: Tools, sample: Sample, *answers: Answer) -> Grade:
    (item,) = play(suite, sample, answers)
    return item.grade


def _calls(sample: Sample, step: int = 0) -> list[dict]:
    return sample.data["steps"][step]["calls"]  # type: ignore[index, no-any-return]


def test_several_calls_may_come_one_after_the_other(suite: Tools) -> None:
    for form in ("several", "parallel"):
        sample = _of_form(suite, form)
        calls = _calls(sample)
        assert _played(suite, sample, *[calling(call) for call in calls[::-1]]).score == 1.0
        assert _played(suite, sample, calling(*calls[::-1])).score == 1.0
        less = _played(suite, sample, calling(calls[0]), Answer(content="Done."))
        assert (less.outcome, less.score) == (Outcome.WRONG, 0.0)
        assert _played(suite, sample, calling(*calls, calls[0])).outcome is Outcome.WRONG


@pytest.mark.parametrize("form", ["none fits", "missing"])
def test_where_no_call_may_be_made_yet(suite: Tools, form: str) -> None:
    sample = _of_form(suite, form)
    assert not _calls(sample)
    (call,) = _calls(sample, 1)
    words = Answer(content="Which one?")
    assert _played(suite, sample, words, calling(call)).score == 1.0
    assert _played(suite, sample, calling(call)).reason.startswith("one call too many")
    assert "got no call" in _played(suite, sample, words, words).reason


def test_results_must_be_used(suite: Tools) -> None:
    sample = _of_form(suite, "results")
    (first,), (second,) = _calls(sample), _calls(sample, 1)
    price = sample.data["steps"][2]["says"]  # type: ignore[index]
    item = json.loads(sample.data["steps"][0]["gives"])["item"]  # type: ignore[index]
    assert second["arguments"] == {"item": item}
    said = Answer(content=f"It costs {int(price):,}.")
    assert _played(suite, sample, calling(first), calling(second), said).score == 1.0
    wrong = {"name": second["name"], "arguments": {"item": item + 1}}
    assert "wanted" in _played(suite, sample, calling(first), calling(wrong)).reason
    unsaid = _played(suite, sample, calling(first), calling(second), Answer(content="Done."))
    assert unsaid.reason == f"wanted {price} in the answer"
    assert _played(suite, sample, calling(first), said).outcome is Outcome.WRONG


def test_results_are_in_the_conversation(suite: Tools) -> None:
    sample = _of_form(suite, "results")
    last = asked(suite, sample)[-1]
    roles = [message["role"] for message in last.messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool"]
    item = json.loads(str(last.messages[2]["content"]))["item"]
    assert str(item) in str(last.messages[3]["tool_calls"])


def test_silence_is_no_answer(suite: Tools) -> None:
    sample = _of_form(suite, "one")
    assert _played(suite, sample, Answer(content="")).outcome is Outcome.NO_ANSWER
    cut_off = Answer(content="", finish_reason="length")
    assert _played(suite, sample, cut_off).outcome is Outcome.CUT_OFF
    assert _played(suite, sample, Answer(content="No.")).outcome is Outcome.WRONG


def test_functions_of_a_set_can_be_told_apart(suite: Tools) -> None:
    for sample in suite.samples():
        names = [tool["function"]["name"] for tool in sample.data["tools"]]  # type: ignore[attr-defined]
        assert len(set(names)) == len(names)
        for step in sample.data["steps"]:  # type: ignore[attr-defined]
            for call in step["calls"]:
                assert names.count(call["name"]) == 1


def test_a_model_s_own_calls_are_graded(scripted_nano: Callable[[str], LoadedModel]) -> None:
    suite = Tools(GeneratedOptions(size=8))
    sample = _of_form(suite, "results")
    (first,), (second,) = _calls(sample), _calls(sample, 1)
    price = sample.data["steps"][2]["says"]  # type: ignore[index]
    written = "".join(
        f"<|channel|>commentary to=functions.{call['name']} <|constrain|>json<|message|>"
        f"{json.dumps(call['arguments'])}<|call|>"
        for call in (first, second)
    )
    markup = f"{written}<|channel|>final<|message|>It costs {price}.<|return|>"
    with scripted_nano(markup) as model:
        asker = ModelAsker(model)

        async def ask(question: Question) -> Answer:
            return await asker.ask(Sampling(temperature=0.0).settled(question), 1)

        (item,) = asyncio.run(suite.play(sample, 0, ask))
    assert item.grade.outcome is Outcome.RIGHT, item
