"""The prompt's own logprobs: those of its tokens, whatever else runs and was computed before."""

from __future__ import annotations

import pytest

from gptoss.engine import Engine, EngineOptions, FinishReason, Request, SamplingParams
from gptoss.engine.logprobs import TokenLogprobs, logprobs_of
from gptoss.engine.sequence import Sequence
from gptoss.errors import RequestError
from gptoss.model.transformer import Transformer

SAMPLING = SamplingParams(temperature=0, logprobs=2)


def prompt_of(length: int, start: int = 5) -> list[int]:
    return [(start + 7 * n) % 900 for n in range(length)]


def wanted(model: Transformer, prompt: list[int]) -> list[TokenLogprobs]:
    """From one pass over the whole prompt."""
    rows = model.logits(prompt)
    return [logprobs_of(row, token_id, 2) for row, token_id in zip(rows, prompt[1:], strict=False)]


def finish(engine: Engine, *sequences: Sequence) -> None:
    while any(sequence.finish_reason is None for sequence in sequences):
        assert all(output.error is None for output in engine.step())


@pytest.mark.parametrize("max_tokens", [0, 1, 4])
@pytest.mark.parametrize("length", [1, 2, 16, 40, 150])
def test_each_token_of_the_prompt(tiny_model: Transformer, length: int, max_tokens: int) -> None:
    engine = Engine(tiny_model, EngineOptions(context=200))
    prompt = prompt_of(length)
    for _ in range(2):
        # The second time all is cached, and read again.
        sequence = engine.add(Request(prompt, SAMPLING, max_tokens=max_tokens, scores_prompt=True))
        finish(engine, sequence)
        assert sequence.prompt_logprobs == wanted(tiny_model, prompt)
        assert sequence.num_new == max_tokens
        assert sequence.timings.cached_tokens == 0
    after = engine.add(Request([*prompt, 3], SAMPLING, max_tokens=1))
    finish(engine, after)
    assert after.timings.cached_tokens == length


def test_beside_others(tiny_model: Transformer) -> None:
    engine = Engine(tiny_model, EngineOptions(context=400, max_chunk=50))
    prompts = [prompt_of(100 + n, n % 2) for n in range(6)]
    scored = [engine.add(Request(p, SAMPLING, max_tokens=3, scores_prompt=True)) for p in prompts]
    plain = [engine.add(Request(p, SAMPLING, max_tokens=3)) for p in prompts]
    finish(engine, *scored, *plain)
    for prompt, one, other in zip(prompts, scored, plain, strict=True):
        assert one.prompt_logprobs == wanted(tiny_model, prompt)
        assert one.token_ids == other.token_ids
        assert not other.prompt_logprobs


def test_after_preemption(tiny_model: Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptoss.engine.scheduler.Scheduler._num_available", lambda _: 10**6)
    engine = Engine(tiny_model, EngineOptions(context=256, cache_tokens=256, max_chunk=64))
    prompts = [prompt_of(100 + n, n) for n in range(16)]
    scored = [engine.add(Request(p, SAMPLING, max_tokens=24, scores_prompt=True)) for p in prompts]
    finish(engine, *scored)
    assert sum(sequence.timings.preemptions for sequence in scored) > 0
    for prompt, sequence in zip(prompts, scored, strict=True):
        assert sequence.prompt_logprobs == wanted(tiny_model, prompt)


def test_again_in_a_cache_that_holds_one(tiny_model: Transformer) -> None:
    """What is cached of the prompt must not keep the pages that it is computed in once more."""
    options = EngineOptions(context=256, cache_tokens=256, max_running=1, max_chunk=24)
    engine, prompt = Engine(tiny_model, options), prompt_of(230)
    first = engine.add(Request(prompt, SAMPLING, max_tokens=9))
    finish(engine, first)
    again = engine.add(Request(prompt, SAMPLING, max_tokens=25, scores_prompt=True))
    for _ in range(100):
        engine.step()
    assert again.finish_reason is FinishReason.LENGTH
    assert again.timings.preemptions == 0
    assert again.prompt_logprobs == wanted(tiny_model, prompt)


def test_wants_their_number() -> None:
    with pytest.raises(RequestError, match="scores_prompt without logprobs"):
        Request([1, 2], scores_prompt=True)
