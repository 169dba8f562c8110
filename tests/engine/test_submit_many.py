"""Several answers to one prompt, and how many requests may wait."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Sequence

import pytest

from gptoss.engine import Engine, EngineOptions, FinishReason, Request, SamplingParams, Worker
from gptoss.engine.sampling_params import MAX_SEED
from gptoss.errors import QueueFullError, RequestError
from gptoss.kernels import Float32
from gptoss.model.transformer import Transformer

PROMPT = [n * n % 90 for n in range(70)]


@pytest.fixture
def worker(tiny_model: Transformer) -> Iterator[Worker]:
    made = Worker(Engine(tiny_model, EngineOptions(context=200, cache_tokens=1000)))
    yield made
    made.close()


@pytest.mark.parametrize("length", [1, 2, 17, 32, 33, 64, 70])
def test_each_has_a_seed_of_its_own_and_the_prompt_is_computed_once(
    worker: Worker, length: int
) -> None:
    request = Request(PROMPT[:length], SamplingParams(seed=7), max_tokens=12)
    generations = worker.submit_many(request, 5)
    answers = [list(generation) for generation in generations]
    assert [generation.seed for generation in generations] == [7, 8, 9, 10, 11]
    assert len(set(map(tuple, answers))) > 1
    cached = [generation.timings.cached_tokens for generation in generations]
    assert cached == [0, *[length - 1] * 4]
    for seed, answer in zip(range(7, 12), answers, strict=True):
        alone = dataclasses.replace(request, sampling=SamplingParams(seed=seed))
        assert list(worker.submit(alone)) == answer


def test_more_of_them_than_run_at_once(tiny_model: Transformer) -> None:
    worker = Worker(Engine(tiny_model, EngineOptions(context=200, max_running=2)))
    generations = worker.submit_many(Request(PROMPT, SamplingParams(seed=1), max_tokens=9), 7)
    assert [len(list(generation)) for generation in generations] == [9] * 7
    cached = [generation.timings.cached_tokens for generation in generations]
    assert cached == [0, *[len(PROMPT) - 1] * 6]
    worker.close()


def test_seeds_go_round() -> None:
    """Nothing runs: the requests are looked at alone."""
    request = Request(PROMPT, SamplingParams(seed=MAX_SEED, top_k=3))
    taken = [one.request for one in Worker(_StillEngine()).submit_many(request, 3)]  # type: ignore[arg-type]
    assert [one.sampling.seed for one in taken] == [MAX_SEED, 0, 1]
    assert {one.sampling.top_k for one in taken} == {3}


class _StillEngine:
    def waiting_owners(self) -> list[str]:
        return []

    def check(self, _: Request) -> None: ...

    def add(self, _: Request) -> None:
        raise RequestError("nothing runs here")


def test_without_a_seed_each_draws_one(worker: Worker) -> None:
    generations = worker.submit_many(Request(PROMPT, max_tokens=3), 4)
    for generation in generations:
        list(generation)
    assert len({generation.seed for generation in generations}) == 4


def test_the_others_go_on_when_the_one_that_computes_the_prompt_is_cancelled(
    tiny_model: Transformer,
) -> None:
    engine = Engine(tiny_model, EngineOptions(context=300, max_chunk=32))
    prompt = [n * n % 90 for n in range(200)]
    greedy = Request(prompt, SamplingParams(temperature=0), max_tokens=4)
    owner, *others = [engine.add(greedy) for _ in range(3)]
    engine.step()
    assert (engine.num_running, engine.num_waiting) == (1, 2)
    engine.cancel(owner)
    while any(sequence.finish_reason is None for sequence in others):
        engine.step()
    assert [sequence.finish_reason for sequence in others] == [FinishReason.LENGTH] * 2
    assert others[0].token_ids == others[1].token_ids
    # What the owner had computed, and what one of the two did for the other.
    assert [sequence.timings.cached_tokens for sequence in others] == [32, 199]


@pytest.mark.parametrize("num", [0, -1])
def test_no_answers_is_no_request(worker: Worker, num: int) -> None:
    with pytest.raises(RequestError, match=f"got {num} answers to one prompt, wanted 1 or more"):
        worker.submit_many(Request(PROMPT), num)


def test_all_or_none_are_taken(tiny_model: Transformer) -> None:
    held, entered = threading.Event(), threading.Event()

    def hold(_: Sequence[int], logits: Float32) -> Float32:
        entered.set()
        held.wait(10)
        return logits

    engine = Engine(tiny_model, EngineOptions(context=200))
    worker = Worker(engine, max_waiting=5)
    first = worker.submit(Request(PROMPT, max_tokens=1, processors=(hold,)))
    entered.wait(10)
    taken = worker.submit_many(Request(PROMPT, max_tokens=2), 3)
    said = "3 requests are waiting, and with 3 more there would be more than 5; try again later"
    with pytest.raises(QueueFullError, match=said):
        worker.submit_many(Request(PROMPT, max_tokens=2), 3)
    taken += worker.submit_many(Request(PROMPT, max_tokens=2), 2)
    held.set()
    assert [len(list(generation)) for generation in (first, *taken)] == [1, 2, 2, 2, 2, 2]
    # There is room again.
    assert len(worker.submit_many(Request(PROMPT, max_tokens=2), 5)) == 5
    worker.close()
