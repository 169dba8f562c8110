"""A sequence's tokens and logits are its own, whatever else the engine does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gptoss import nano
from gptoss.engine import Engine, EngineOptions, Request, SamplingParams
from gptoss.kernels import Float32
from gptoss.model.config import alternating_layers
from gptoss.model.layouts import PACKED
from gptoss.model.precision import CacheType
from gptoss.model.transformer import Transformer
from tests.choices import CHOICES, THREADS, Choice
from tests.model.random_model import SMALL, RandomModel, open_transformer

CONTEXT = 512
PLAIN = EngineOptions(context=CONTEXT, keeps_prefixes=False, speculates=False, max_running=1)


@pytest.fixture(scope="module", params=["nano", "random"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "nano":
        return nano.checkpoint_path()
    config = dataclasses.replace(SMALL, layer_types=alternating_layers(4), sliding_window=40)
    return RandomModel.of(config, 3).write(tmp_path_factory.mktemp("random"), PACKED)


# tests/model runs the other instruction sets.
FASTEST = [choice for choice in CHOICES if choice.isa == CHOICES[-1].isa]


@pytest.fixture(scope="module", params=FASTEST, ids=str)
def choice(request: pytest.FixtureRequest) -> Choice:
    chosen: Choice = request.param
    return chosen


@pytest.fixture(scope="module", params=["int8", "bf16"])
def model(request: pytest.FixtureRequest, directory: Path, choice: Choice) -> Transformer:
    weights = "int8" if request.param == "int8" else "stored"
    return open_transformer(directory, request.param, choice.backend(), weights)


def prompts(model: Transformer) -> list[list[int]]:
    """Sixteen: short, long, some that begin alike, some that repeat themselves."""
    random = np.random.default_rng(5)
    vocabulary = min(90, model.config.vocab_size)
    common = random.integers(0, vocabulary, 150).tolist()
    period = random.integers(0, vocabulary, 7).tolist()
    made: list[list[int]] = []
    for number in range(16):
        own = random.integers(0, vocabulary, int(random.integers(1, 60))).tolist()
        beginning = [[], common, common[:70], period * 12][number % 4]
        made.append([*beginning, *own])
    return made


class Recorder:
    """Keeps the logits of every token that is sampled."""

    def __init__(self) -> None:
        self.logits: list[Float32] = []

    def __call__(self, _: Sequence[int], logits: Float32) -> Float32:
        self.logits.append(logits.copy())
        return logits


Result = tuple[list[int], NDArray[np.float32]]


def run(model: Transformer, options: EngineOptions, *, order: Sequence[int] = ()) -> list[Result]:
    """The new tokens and logits of all prompts, half of them greedy and half seeded, submitted together."""
    engine = Engine(model, options)
    recorders, sequences = {}, {}
    all_prompts = prompts(model)
    for number in order or range(len(all_prompts)):
        greedy = SamplingParams(temperature=0)
        sampling = (
            greedy if number % 2 else SamplingParams(temperature=0.9, top_p=0.95, seed=number)
        )
        recorders[number] = Recorder()
        request = Request(
            all_prompts[number], sampling, max_tokens=24, processors=(recorders[number],)
        )
        sequences[number] = engine.add(request)
    while any(sequence.finish_reason is None for sequence in sequences.values()):
        engine.step()
    return [
        (sequences[n].token_ids[sequences[n].num_prompt :], np.stack(recorders[n].logits))
        for n in range(len(all_prompts))
    ]


@pytest.fixture(scope="module")
def plain(model: Transformer) -> list[Result]:
    """One after the other, each from nothing, a token at a time."""
    return run(model, PLAIN)


def assert_same(got: list[Result], wanted: list[Result]) -> None:
    for number, ((tokens, logits), (plain_tokens, plain_logits)) in enumerate(
        zip(got, wanted, strict=True)
    ):
        assert tokens == plain_tokens, f"prompt {number}"
        assert np.array_equal(logits, plain_logits), f"prompt {number}"


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    "changed",
    [
        {"max_running": 16},
        {"max_running": 16, "max_chunk": 17},
        {"max_running": 3, "max_chunk": 50, "max_step_s": 1e-9},
        {"max_running": 16, "keeps_prefixes": True},
        {"max_running": 5, "keeps_prefixes": True, "max_chunk": 64},
        {"max_running": 16, "speculates": True},
        {"max_running": 16, "speculates": True, "keeps_prefixes": True, "spare_tokens": 0},
    ],
    ids=lambda changed: " ".join(f"{name}={value}" for name, value in changed.items()),
)
def test_same_bits(model: Transformer, plain: list[Result], changed: dict[str, int]) -> None:
    options = dataclasses.replace(PLAIN, **changed)
    assert_same(run(model, options, order=[*range(8, 16), *range(8)]), plain)


@pytest.mark.wide(3)
@pytest.mark.parametrize("length", [0, 1, 5, 8])
def test_same_bits_with_any_number_of_guesses(
    model: Transformer, plain: list[Result], monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """How many pay, a processor's speed decides; none of it may show."""
    monkeypatch.setattr("gptoss.engine.drafts.DraftLength.choose", lambda *_: length)
    options = dataclasses.replace(PLAIN, speculates=True, keeps_prefixes=True, max_running=5)
    assert_same(run(model, options), plain)


@pytest.mark.wide(4)
@pytest.mark.parametrize("tokens", [16, 48, 1 << 20])
def test_same_bits_at_any_speed(
    model: Transformer, plain: list[Result], monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    """So many tokens of a prompt are taken to fit into a step, on a slow processor and on a fast one."""
    monkeypatch.setattr("gptoss.engine.scheduler.PrefillRate.tokens_in", lambda *_: tokens)
    assert_same(run(model, dataclasses.replace(PLAIN, max_running=16)), plain)


def test_same_bits_after_preemption(
    model: Transformer, plain: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages for hardly more than the longest prompt, and no caution when sequences are let in."""
    monkeypatch.setattr("gptoss.engine.scheduler.Scheduler._num_available", lambda _: 10**6)
    options = EngineOptions(context=256, cache_tokens=256, max_running=16, max_chunk=64)
    engine = Engine(model, options)
    all_prompts = prompts(model)
    sampling = SamplingParams(temperature=0)
    sequences = [engine.add(Request(p, sampling, max_tokens=24)) for p in all_prompts]
    while any(sequence.finish_reason is None for sequence in sequences):
        engine.step()
    assert sum(sequence.timings.preemptions for sequence in sequences) > 3
    for number, sequence in enumerate(sequences):
        if number % 2:
            assert sequence.token_ids[sequence.num_prompt :] == plain[number][0]


def test_same_bits_from_the_cache_again(model: Transformer, plain: list[Result]) -> None:
    """A second time in the same engine, when all prompts are known."""
    engine = Engine(model, EngineOptions(context=CONTEXT, spare_tokens=4096, cache_tokens=8192))
    for _ in range(2):
        cached = 0
        for number, prompt in enumerate(prompts(model)):
            if not number % 2:
                continue
            recorder = Recorder()
            request = Request(
                prompt, SamplingParams(temperature=0), max_tokens=24, processors=(recorder,)
            )
            sequence = engine.add(request)
            while sequence.finish_reason is None:
                engine.step()
            assert sequence.token_ids[len(prompt) :] == plain[number][0]
            assert np.array_equal(np.stack(recorder.logits), plain[number][1])
            cached += sequence.timings.cached_tokens
    # All but the last token of each.
    assert cached == sum(len(prompt) - 1 for prompt in prompts(model)[1::2])


@pytest.mark.wide(3)
@pytest.mark.parametrize("threads", THREADS[1:])
def test_same_bits_on_any_number_of_threads(
    model: Transformer, plain: list[Result], directory: Path, choice: Choice, threads: int
) -> None:
    precision, weights = ("int8", "int8") if model.precision == "int8" else ("bf16", "stored")
    more = open_transformer(directory, precision, choice.backend(threads), weights)
    options = dataclasses.replace(PLAIN, max_running=16, speculates=True, keeps_prefixes=True)
    assert_same(run(more, options), plain)


def test_same_bits_with_keys_in_eight_bits(directory: Path, choice: Choice) -> None:
    model = open_transformer(directory, "int8", choice.backend(), "int8")
    plain = dataclasses.replace(PLAIN, cache_type=CacheType.INT8)
    mixed = dataclasses.replace(
        plain, max_running=16, speculates=True, keeps_prefixes=True, max_chunk=64
    )
    assert_same(run(model, mixed), run(model, plain))


def test_guesses_are_made_and_pay(model: Transformer) -> None:
    """A processor that counts round in a circle: what follows is what stood there before."""

    def go_round(ids: Sequence[int], logits: Float32) -> Float32:
        logits[:] = -np.inf
        logits[(ids[-1] + 1) % 9] = 0
        return logits

    engine = Engine(model, EngineOptions(context=CONTEXT))
    # As if a step of many took little longer than one of one.
    engine._drafts.choose = lambda *_: 8  # type: ignore[method-assign]
    sequence = engine.add(Request([0], max_tokens=100, processors=(go_round,)))
    steps = 0
    while sequence.finish_reason is None:
        steps += 1
        engine.step()
    assert sequence.token_ids == [n % 9 for n in range(101)]
    assert steps < 30
    timings = sequence.timings
    assert timings.accepted_tokens == timings.drafted_tokens > 70
