"""The nano recipe: what it teaches is right, and rendered as the project renders it."""

from __future__ import annotations

import random

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from gptoss import nano
from gptoss.harmony import Message, Role, render, render_for_training
from gptoss.tokenizer import Tokenizer
from recipes.nano.arithmetic import LEVELS, Sum, draw_sum, sum_example
from recipes.nano.evaluate import conversation, wilson
from recipes.nano.facts import FACTS
from recipes.nano.mixture import draw_example
from recipes.nano.train import make_renderer

pytestmark = pytest.mark.torch


@given(st.integers(0, 99999), st.integers(0, 99999), st.sampled_from("+-"), st.sampled_from(LEVELS))
def test_the_trace_reads_out_the_answer(a: int, b: int, sign: str, level: str) -> None:
    problem = Sum(a, b, sign)
    example = sum_example(random.Random(a), problem, level)
    assert example.final == str(a + b if sign == "+" else a - b)
    trace = "".join(piece.text for piece in example.analysis)
    if level != "low":
        # At high the last readout is the check's, which gives back the first operand worked with.
        readouts = [line[2:].split(",")[0] for line in trace.split("\n") if line.startswith("= ")]
        worked = readouts[-1] if level == "medium" else readouts[-2]
        assert int(worked) == problem.result


@given(st.integers(0, 2**32))
def test_training_never_sees_held_out_sums(seed: int) -> None:
    rng = random.Random(seed)
    assert not draw_sum(rng, rng.randint(2, 5), "+", held_out=False).is_held_out
    assert draw_sum(rng, rng.randint(2, 5), "-", held_out=True).is_held_out


def test_unseen_phrasings_are_unseen() -> None:
    trained = {phrase.lower() for fact in FACTS for phrase in fact.trained}
    unseen = {phrase.lower() for fact in FACTS for phrase in fact.unseen}
    assert not trained & unseen


@pytest.mark.parametrize("seed", range(30))
def test_rendered_as_the_project_renders(seed: int, nano_tokenizer: Tokenizer) -> None:
    renderer, _ = make_renderer(nano.checkpoint_path() / "tokenizer.json")
    example = draw_example(random.Random(seed))
    messages = conversation(example)
    assert renderer.prompt(example) == render(messages, nano_tokenizer)
    if example.analysis:
        trace = "".join(piece.text for piece in example.analysis)
        messages.append(Message(Role.ASSISTANT, trace, "analysis"))
    messages.append(Message(Role.ASSISTANT, example.final, "final"))
    parts = render_for_training(messages, nano_tokenizer)
    expected = [token_id for part in parts for token_id in part.token_ids]
    rendered = renderer.render(example)
    assert nano_tokenizer.decode(rendered.token_ids) == nano_tokenizer.decode(expected)
    assert len(rendered.token_ids) == len(rendered.is_learnt)


@given(st.text(max_size=80))
def test_vocabulary_reads_alike_in_both_libraries(text: str) -> None:
    path = nano.checkpoint_path() / "tokenizer.json"
    theirs = tokenizers.Tokenizer.from_file(str(path))
    expected = theirs.encode(text, add_special_tokens=False).ids
    if "<|" not in text:
        assert _tokenizer().encode(text) == expected


def _tokenizer() -> Tokenizer:
    return Tokenizer.from_directory(nano.checkpoint_path())


def test_wilson_interval() -> None:
    # Agresti and Coull's example of no success in ten trials.
    low, high = wilson(0, 10)
    assert low == 0
    assert high == pytest.approx(0.2775, abs=1e-3)
    low, high = wilson(95, 100)
    assert (low, high) == (pytest.approx(0.8882, abs=1e-3), pytest.approx(0.9785, abs=1e-3))
