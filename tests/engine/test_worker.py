"""Requests on the worker's thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from gptoss.engine import Engine, EngineOptions, FinishReason, Request, SamplingParams, Worker
from gptoss.errors import CheckpointError, EngineError, QueueFullError, RequestError
from gptoss.kernels import Float32
from gptoss.model.transformer import Transformer

GREEDY = SamplingParams(temperature=0)
PROMPT = list(range(5, 45))


@pytest.fixture
def worker(tiny_model: Transformer) -> Iterator[Worker]:
    made = Worker(Engine(tiny_model, EngineOptions(context=200)))
    yield made
    made.close()


def reference(model: Transformer, prompt: Sequence[int], count: int) -> list[int]:
    """Greedy decoding by full passes alone."""
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(np.argmax(model.logits(ids)[-1])))
    return ids[len(prompt) :]


def test_greedy_tokens_are_those_of_full_passes(worker: Worker, tiny_model: Transformer) -> None:
    generation = worker.submit(Request(PROMPT, GREEDY, max_tokens=20))
    assert list(generation) == reference(tiny_model, PROMPT, 20)
    assert generation.finish_reason is FinishReason.LENGTH
    timings = generation.timings
    assert (timings.prompt_tokens, timings.completion_tokens) == (40, 20)
    assert timings.prefill_s > 0
    assert timings.decode_s > 0
    assert timings.decode_tokens_per_s > 0


def test_stops_at_a_stop_token_and_gives_it_out(worker: Worker, tiny_model: Transformer) -> None:
    expected = reference(tiny_model, PROMPT, 12)
    stop = expected[6]
    generation = worker.submit(Request(PROMPT, GREEDY, stop_ids=frozenset({stop})))
    assert list(generation) == expected[: expected.index(stop) + 1]
    assert generation.finish_reason is FinishReason.STOP


def test_ends_where_the_context_does(worker: Worker) -> None:
    generation = worker.submit(Request(PROMPT, GREEDY))
    assert len(list(generation)) == 200 - len(PROMPT)
    assert generation.finish_reason is FinishReason.LENGTH


def test_seed_repeats_whatever_ran_between(worker: Worker) -> None:
    seeded = Request(PROMPT, SamplingParams(seed=11), max_tokens=15)
    first = list(worker.submit(seeded))
    list(worker.submit(Request(PROMPT[:7], max_tokens=3)))
    assert list(worker.submit(seeded)) == first
    again = worker.submit(Request(PROMPT, max_tokens=15))
    drawn = list(again)
    repeated = Request(PROMPT, SamplingParams(seed=again.seed), max_tokens=15)
    assert list(worker.submit(repeated)) == drawn


def test_requests_wait_for_their_turn(worker: Worker, tiny_model: Transformer) -> None:
    generations = [worker.submit(Request(PROMPT[n:], GREEDY, max_tokens=5)) for n in range(6)]
    for n, generation in enumerate(generations):
        assert list(generation) == reference(tiny_model, PROMPT[n:], 5)


def test_cancel_ends_within_a_step(worker: Worker) -> None:
    generation = worker.submit(Request(PROMPT, GREEDY))
    taken = []
    for token_id in generation:
        taken.append(token_id)
        if len(taken) == 3:
            generation.cancel()
    assert generation.finish_reason is FinishReason.CANCELLED
    generation.cancel()
    assert list(generation) == []
    assert len(list(worker.submit(Request(PROMPT, GREEDY, max_tokens=2)))) == 2


def test_cancel_while_waiting(worker: Worker) -> None:
    running = worker.submit(Request(PROMPT, GREEDY))
    waiting = worker.submit(Request(PROMPT, GREEDY))
    waiting.cancel()
    assert list(waiting) == []
    assert len(list(running)) == 160


def test_full_queue_is_refused(tiny_model: Transformer) -> None:
    held, entered = threading.Event(), threading.Event()

    def hold(_: Sequence[int], logits: Float32) -> Float32:
        entered.set()
        held.wait(10)
        return logits

    worker = Worker(Engine(tiny_model, EngineOptions(context=100)), max_waiting=2)
    first = worker.submit(Request(PROMPT, GREEDY, max_tokens=1, processors=(hold,)))
    entered.wait(10)
    waiting = [worker.submit(Request(PROMPT, GREEDY, max_tokens=1)) for _ in range(2)]
    with pytest.raises(
        QueueFullError, match="2 requests are waiting, and with 1 more there would be more than 2"
    ):
        worker.submit(Request(PROMPT, GREEDY, max_tokens=1))
    held.set()
    assert [len(list(generation)) for generation in (first, *waiting)] == [1, 1, 1]
    worker.close()


def test_processors_see_the_tokens_and_change_the_logits(worker: Worker) -> None:
    seen: list[int] = []

    def count_up(token_ids: Sequence[int], logits: Float32) -> Float32:
        seen.append(len(token_ids))
        logits[:] = -np.inf
        logits[token_ids[-1] + 1] = 0
        return logits

    generation = worker.submit(Request(PROMPT, max_tokens=4, processors=(count_up,)))
    assert list(generation) == [45, 46, 47, 48]
    assert seen == [40, 41, 42, 43]


def test_an_error_of_one_request_is_its_own(worker: Worker) -> None:
    def forbid(_: Sequence[int], logits: Float32) -> Float32:
        return np.full_like(logits, -np.inf)

    with pytest.raises(CheckpointError, match="forbade every token"):
        list(worker.submit(Request(PROMPT, processors=(forbid,))))
    assert len(list(worker.submit(Request(PROMPT, max_tokens=2)))) == 2


def test_an_error_of_a_processor_is_its_requests_own(worker: Worker) -> None:
    def fail(_: Sequence[int], logits: Float32) -> Float32:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(worker.submit(Request(PROMPT, processors=(fail,))))
    assert len(list(worker.submit(Request(PROMPT, max_tokens=2)))) == 2


def test_a_fault_of_ours_reaches_the_caller(tiny_model: Transformer) -> None:
    engine = Engine(tiny_model, EngineOptions(context=100))
    engine.step = lambda: 1 // 0  # type: ignore[assignment, method-assign, return-value]
    worker = Worker(engine)
    for _ in range(2):
        with pytest.raises(EngineError, match="ZeroDivisionError"):
            list(worker.submit(Request(PROMPT)))
    del engine.step
    assert len(list(worker.submit(Request(PROMPT, max_tokens=2)))) == 2
    worker.close()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request([]), "no token ids"),
        (Request([2000]), "token id 2000"),
        (Request([1] * 200), "prompt is too long: 200 tokens > 200 maximum"),
    ],
)
def test_requests_that_cannot_run(worker: Worker, request_: Request, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        worker.submit(request_)


@pytest.mark.parametrize(
    "wrong", [{"max_running": 0}, {"spare_tokens": -1}, {"cache_tokens": -4}, {"max_step_s": -1.0}]
)
def test_options_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(RequestError, match="wanted"):
        EngineOptions(**wrong)  # type: ignore[arg-type]


def test_fewer_than_no_new_tokens_is_no_request() -> None:
    with pytest.raises(RequestError, match="got max_tokens -1, wanted 0 or more"):
        Request(PROMPT, max_tokens=-1)


def test_no_new_tokens_is_a_prompt_that_is_read(worker: Worker) -> None:
    generation = worker.submit(Request(PROMPT, GREEDY, max_tokens=0))
    assert list(generation) == []
    assert generation.finish_reason is FinishReason.LENGTH
    assert generation.num_prefilled == len(PROMPT)
    later = worker.submit(Request([*PROMPT, 3], GREEDY, max_tokens=1))
    assert len(list(later)) == 1
    assert later.timings.cached_tokens == len(PROMPT)


def test_long_prompts_come_in_chunks(tiny_model: Transformer) -> None:
    engine = Engine(tiny_model, EngineOptions(context=512))
    prompt = [n % 90 for n in range(500)]
    sequence = engine.add(Request(prompt, GREEDY, max_tokens=1))
    while sequence.finish_reason is None:
        engine.step()
    assert sequence.token_ids[500:] == reference(tiny_model, prompt, 1)


def test_close_cancels_what_runs(tiny_model: Transformer) -> None:
    worker = Worker(Engine(tiny_model, EngineOptions(context=300)))
    generation = worker.submit(Request(PROMPT, GREEDY))
    next(iter(generation))
    worker.close()
    list(generation)
    assert generation.finish_reason is FinishReason.CANCELLED
    with pytest.raises(RequestError, match="closed"):
        worker.submit(Request(PROMPT))
