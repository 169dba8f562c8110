"""Tokens that a guide forces: not sampled, and as good as a part of the prompt for what follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from gptoss.engine import (
    Engine,
    EngineOptions,
    FinishReason,
    Guide,
    Request,
    SamplingParams,
    Token,
    Worker,
)
from gptoss.engine.engine import Output
from gptoss.engine.logprobs import logprobs_of
from gptoss.kernels import Float32
from gptoss.model.transformer import Transformer

GREEDY = SamplingParams(temperature=0)
PROMPT = list(range(5, 45))
FORCED = [70, 71, 72]


class Forces:
    """A guide that forces tokens where `when` says so of the number of new tokens."""

    def __init__(self, token_ids: Sequence[int], when: Callable[[int], bool]) -> None:
        self._token_ids = token_ids
        self._when = when
        self.asked: list[int] = []

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        num_new = len(token_ids) - len(PROMPT)
        self.asked.append(num_new)
        return self._token_ids if self._when(num_new) else []


class Recorder:
    """Keeps what it is asked about: how many tokens there were, and the logits of the next."""

    def __init__(self) -> None:
        self.logits_by_length: dict[int, Float32] = {}

    def __call__(self, token_ids: Sequence[int], logits: Float32) -> Float32:
        assert len(token_ids) not in self.logits_by_length
        self.logits_by_length[len(token_ids)] = logits.copy()
        return logits


def run(
    model: Transformer,
    *guides: Guide,
    max_tokens: int = 12,
    prompt: Sequence[int] = PROMPT,
    stop_ids: frozenset[int] = frozenset(),
    sampling: SamplingParams = GREEDY,
    draft_length: int = 0,
) -> tuple[list[Token], Recorder, FinishReason | None]:
    engine, recorder = Engine(model, EngineOptions(context=200)), Recorder()
    engine._drafts.choose = lambda *_: draft_length  # type: ignore[method-assign]
    request = Request(
        prompt,
        sampling,
        max_tokens=max_tokens,
        stop_ids=stop_ids,
        guides=guides,
        processors=(recorder,),
    )
    sequence = engine.add(request)
    tokens: list[Token] = []
    while sequence.finish_reason is None:
        for output in engine.step():
            assert output.error is None
            tokens += output.tokens
    assert [token.id for token in tokens] == sequence.token_ids[len(prompt) :]
    return tokens, recorder, sequence.finish_reason


def ids(tokens: Sequence[Token]) -> list[int]:
    return [token.id for token in tokens]


@pytest.mark.parametrize("draft_length", [0, 8])
@pytest.mark.parametrize("at", [0, 1, 4])
@pytest.mark.parametrize("count", [1, 3, 16, 40])
def test_what_follows_is_as_after_a_prompt_that_has_them(
    tiny_model: Transformer, at: int, count: int, draft_length: int
) -> None:
    forced = [70 + n % 9 for n in range(count)]
    guide = Forces(forced, lambda num_new: num_new == at)
    tokens, recorder, reason = run(
        tiny_model, guide, max_tokens=at + count + 6, draft_length=draft_length
    )
    assert reason is FinishReason.LENGTH
    assert ids(tokens)[at : at + count] == forced
    is_forced = [token.is_forced for token in tokens]
    assert is_forced == [*[False] * at, *[True] * count, *[False] * 6]
    longer = [*PROMPT, *ids(tokens)[: at + count]]
    plain, plain_recorder, _ = run(tiny_model, max_tokens=6, prompt=longer)
    assert ids(plain) == ids(tokens)[at + count :]
    for length, logits in plain_recorder.logits_by_length.items():
        assert np.array_equal(logits, recorder.logits_by_length[length])
    # Nothing was sampled for those that were forced.
    assert len(recorder.logits_by_length) == at + 6


def test_asked_before_every_choice(tiny_model: Transformer) -> None:
    guide = Forces(FORCED, lambda num_new: num_new in (0, 5))
    tokens, _, _ = run(tiny_model, guide)
    assert guide.asked == [0, 3, 4, 5, 8, 9, 10, 11]
    assert len(tokens) == 12


@pytest.mark.parametrize("draft_length", [0, 8])
@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_forced_tokens_have_the_models_own_logprobs(
    tiny_model: Transformer, at: int, count: int, draft_length: int
) -> None:
    sampling = SamplingParams(temperature=0, logprobs=2)
    forced = [70 + n % 9 for n in range(count)]
    told, _, _ = run(
        tiny_model,
        Forces(forced, lambda num_new: num_new == at),
        max_tokens=at + count + 3,
        sampling=sampling,
        draft_length=draft_length,
    )
    silent, _, _ = run(
        tiny_model, Forces(forced, lambda num_new: num_new == at), max_tokens=at + count + 3
    )
    # They are the same tokens, whether or not they are told with their logprobs.
    assert [(token.id, token.is_forced) for token in told] == [
        (token.id, token.is_forced) for token in silent
    ]
    assert sum(token.is_forced for token in told) == count
    logits = tiny_model.logits([*PROMPT, *ids(told)])
    for row, token in zip(logits[len(PROMPT) - 1 :], told, strict=False):
        assert token.logprobs == logprobs_of(row, token.id, 2)


@pytest.mark.parametrize("logprobs", [None, 1])
@pytest.mark.parametrize("stop_ids", [frozenset[int](), frozenset({71})])
@pytest.mark.parametrize("max_tokens", [0, 1, 2, 3])
def test_the_prompt_is_read_even_where_all_tokens_are_forced(
    tiny_model: Transformer, max_tokens: int, stop_ids: frozenset[int], logprobs: int | None
) -> None:
    engine = Engine(tiny_model, EngineOptions(context=200))
    sampling = SamplingParams(temperature=0, logprobs=logprobs)
    guide = Forces(FORCED, lambda num_new: not num_new)
    request = Request(PROMPT, sampling, max_tokens=max_tokens, guides=(guide,), stop_ids=stop_ids)
    sequence = engine.add(request)
    outputs: list[Output] = []
    while sequence.finish_reason is None:
        outputs += engine.step()
    (output,) = outputs
    wanted = FORCED[: min(max_tokens, 2) if stop_ids else max_tokens]
    assert ids(output.tokens) == sequence.token_ids[len(PROMPT) :] == wanted
    assert sequence.num_prefilled == len(PROMPT)
    assert sequence.timings.prefill_s > 0
    later = engine.add(Request([*PROMPT, 3], GREEDY, max_tokens=1))
    while later.finish_reason is None:
        engine.step()
    assert later.timings.cached_tokens == len(PROMPT)


def test_nothing_is_given_out_before_the_prompt_is_read(tiny_model: Transformer) -> None:
    engine = Engine(tiny_model, EngineOptions(context=200, max_chunk=32))
    guide = Forces(FORCED, lambda num_new: not num_new)
    sequence = engine.add(Request(PROMPT, GREEDY, max_tokens=9, guides=(guide,)))
    assert engine.step() == []
    assert 0 < sequence.num_prefilled < len(PROMPT)
    (output,) = engine.step()
    assert ids(output.tokens)[:3] == FORCED
    assert len(output.tokens) == 4
    assert sequence.num_prefilled == len(PROMPT)


@pytest.mark.parametrize("at", [0, 3])
def test_a_forced_stop_token_ends(tiny_model: Transformer, at: int) -> None:
    guide = Forces(FORCED, lambda num_new: num_new == at)
    tokens, _, reason = run(tiny_model, guide, stop_ids=frozenset({71}))
    assert ids(tokens)[at:] == [70, 71]
    assert reason is FinishReason.STOP


@pytest.mark.parametrize("at", [0, 3])
def test_forced_tokens_end_where_the_request_does(tiny_model: Transformer, at: int) -> None:
    guide = Forces(FORCED, lambda num_new: num_new == at)
    tokens, _, reason = run(tiny_model, guide, max_tokens=at + 2)
    assert ids(tokens)[at:] == [70, 71]
    assert reason is FinishReason.LENGTH


def test_a_stop_token_is_not_followed_by_forced_ones(tiny_model: Transformer) -> None:
    plain, _, _ = run(tiny_model)
    stop = plain[4].id
    first = ids(plain).index(stop) + 1
    guide = Forces(FORCED, lambda num_new: num_new == first)
    tokens, _, reason = run(tiny_model, guide, stop_ids=frozenset({stop}))
    assert ids(tokens) == ids(plain)[:first]
    assert reason is FinishReason.STOP


def test_the_first_guide_that_forces_is_followed(tiny_model: Transformer) -> None:
    never = Forces([80], lambda _: False)
    first = Forces([81], lambda num_new: num_new == 2)
    second = Forces([82], lambda num_new: num_new in (2, 4))
    tokens, _, _ = run(tiny_model, never, first, second)
    assert [token.id for token in tokens if token.is_forced] == [81, 82]


@pytest.mark.parametrize("at", [0, 2])
def test_an_error_of_a_guide_is_its_requests_own(tiny_model: Transformer, at: int) -> None:
    def fail(num_new: int) -> bool:
        if num_new == at:
            raise LookupError
        return False

    engine = Engine(tiny_model, EngineOptions(context=200))
    bad = engine.add(Request(PROMPT, GREEDY, max_tokens=9, guides=(Forces([], fail),)))
    good = engine.add(Request(PROMPT[:20], GREEDY, max_tokens=9))
    errors = []
    while good.finish_reason is None:
        errors += [output for output in engine.step() if output.error is not None]
    assert [(output.sequence, type(output.error)) for output in errors] == [(bad, LookupError)]
    assert bad.finish_reason is FinishReason.CANCELLED
    assert good.token_ids[20:] == ids(run(tiny_model, prompt=PROMPT[:20], max_tokens=9)[0])


@pytest.mark.parametrize("max_tokens", [1, 3, 4, 5])
def test_a_sequence_that_is_forced_and_ends_in_one_step(
    max_tokens: int, tiny_model: Transformer
) -> None:
    worker = Worker(Engine(tiny_model, EngineOptions(context=200)))
    request = Request(
        PROMPT, GREEDY, max_tokens=max_tokens, guides=(Forces(FORCED, lambda num_new: not num_new),)
    )
    for _ in range(2):
        new = list(worker.submit(request))
        assert len(new) == max_tokens
        assert new[:3] == FORCED[:max_tokens]
    worker.close()
