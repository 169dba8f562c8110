"""Who gets how much of a step."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss.engine import EngineOptions, Request, SamplingParams
from gptoss.engine.scheduler import PrefillRate
from tests.engine.paged_model import alone, new_ids, paged_engine, run_to_end

GREEDY = SamplingParams(temperature=0)
CONTEXT = 4096


def prompt(length: int, seed: int) -> list[int]:
    made: list[int] = np.random.default_rng(seed).integers(0, 60, length).tolist()
    return made


@pytest.mark.parametrize("is_long_first", [True, False])
def test_a_short_prompt_is_done_before_a_long_one(is_long_first: bool) -> None:
    engine, _ = paged_engine(
        EngineOptions(cache_tokens=2 * CONTEXT, max_chunk=128), window=40, context=CONTEXT
    )
    lengths = [3000, 100] if is_long_first else [100, 3000]
    sequences = [engine.add(Request(prompt(n, n), GREEDY, max_tokens=5)) for n in lengths]
    long, short = sequences if is_long_first else reversed(sequences)
    steps = 0
    while not short.num_new:
        engine.step()
        steps += 1
    assert steps <= 3
    assert long.num_pending > 2500
    run_to_end(engine, sequences, max_steps=200)


def test_an_answer_goes_on_while_a_prompt_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the prompt no more is read in a step than the rate allows."""
    options = EngineOptions(cache_tokens=2 * CONTEXT, speculates=False)
    engine, model = paged_engine(options, window=40, context=CONTEXT)
    monkeypatch.setattr(PrefillRate, "tokens_in", lambda *_: 96)
    answer = engine.add(Request(prompt(20, 0), GREEDY, max_tokens=60))
    engine.step()
    long = engine.add(Request(prompt(3000, 1), GREEDY, max_tokens=5))
    while not long.num_new:
        before = answer.num_new
        engine.step()
        counts = model.num_tokens_by_step[-1]
        if answer.finish_reason is None:
            assert answer.num_new == before + 1
            assert counts[id(long)] <= 96
    assert answer.num_new < 60


def test_without_an_answer_a_step_is_as_long_as_may_be() -> None:
    engine, model = paged_engine(
        EngineOptions(max_chunk=200, max_step_s=1e-9), window=40, context=CONTEXT
    )
    sequence = engine.add(Request(prompt(1000, 0), GREEDY, max_tokens=1))
    run_to_end(engine, [sequence], max_steps=6)
    assert [counts[id(sequence)] for counts in model.num_tokens_by_step] == [200] * 5


@pytest.mark.parametrize("max_chunk", [17, 32, 64, 200])
@pytest.mark.parametrize("has_answer", [True, False])
def test_no_prompt_starves(max_chunk: int, has_answer: bool) -> None:
    options = EngineOptions(
        cache_tokens=8 * CONTEXT, max_chunk=max_chunk, max_step_s=1e-9, max_running=8
    )
    engine, model = paged_engine(options, window=40, context=CONTEXT)
    if has_answer:
        engine.add(Request([1], GREEDY, max_tokens=4000))
        engine.step()
    lengths = [300, 310, 500, 320, 900]
    requests = [Request(prompt(n, n), GREEDY, max_tokens=3) for n in lengths]
    sequences = [engine.add(request) for request in requests]
    # Each step reads 32 tokens of prompts, or what max_chunk allows if that is less.
    run_to_end(engine, sequences, max_steps=sum(lengths) // min(32, max_chunk) + 30)
    for sequence, request in zip(sequences, requests, strict=True):
        assert new_ids(sequence) == alone(request, CONTEXT)
    # A prompt that is being read has its turn again after the others.
    waited = {id(sequence): 0 for sequence in sequences}
    is_reading = {id(sequence): True for sequence in sequences}
    for counts in model.num_tokens_by_step:
        for key, count in counts.items():
            if key in waited:
                is_reading[key] = count > 1
        for key in waited:
            waited[key] = 0 if key in counts or not is_reading[key] else waited[key] + 1
            assert waited[key] <= 2 * len(sequences)


def test_the_rate_is_that_of_what_was_observed() -> None:
    rate = PrefillRate()
    assert rate.tokens_in(100.0) == 32
    rate.observe(100, 1.0)
    assert rate.tokens_in(0.7) == 64
    assert rate.tokens_in(3.2) == 320
    assert rate.tokens_in(0.001) == 32
    for _ in range(50):
        rate.observe(100, 0.1)
    assert rate.tokens_in(0.7) == 672
