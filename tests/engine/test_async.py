"""Answers read from an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from gptoss.engine import Engine, EngineOptions, FinishReason, Generation, Request, Worker
from gptoss.engine.sampling_params import SamplingParams
from gptoss.kernels import Float32
from gptoss.model.transformer import Transformer
from tests.engine.paged_model import assert_all_free, paged_engine

GREEDY = SamplingParams(temperature=0)
PROMPT = list(range(5, 45))


@pytest.fixture
def worker(tiny_model: Transformer) -> Iterator[Worker]:
    made = Worker(Engine(tiny_model, EngineOptions(context=200)))
    yield made
    made.close()


@pytest.fixture
def endless() -> Iterator[tuple[Engine, Worker]]:
    """A worker whose answers take many steps, each of them a short while."""
    engine, model = paged_engine(EngineOptions(speculates=False), window=40, context=4096)
    plain = model.forward

    def slowly(batch: object) -> Float32:
        time.sleep(0.001)
        return plain(batch)  # type: ignore[arg-type]

    model.forward = slowly  # type: ignore[method-assign]
    worker = Worker(engine)
    yield engine, worker
    worker.close()


async def read(generation: Generation) -> list[int]:
    return [token_id async for token_id in generation]


def assert_ended(engine: Engine, worker: Worker, *generations: Generation) -> None:
    """The requests are over for the worker, too, and all their pages are free."""
    worker.close()
    assert [one.finish_reason for one in generations] == [FinishReason.CANCELLED] * len(generations)
    assert not engine.num_running
    assert not engine.num_waiting
    assert_all_free(engine)


def test_the_same_tokens_as_without_a_loop(worker: Worker) -> None:
    request = Request(PROMPT, GREEDY, max_tokens=20)
    generation = worker.submit(request)
    assert asyncio.run(read(generation)) == list(worker.submit(request))
    assert generation.finish_reason is FinishReason.LENGTH
    assert asyncio.run(read(generation)) == []


def test_tokens_that_came_before_anyone_read(worker: Worker) -> None:
    request = Request(PROMPT, GREEDY, max_tokens=20)
    generation = worker.submit(request)
    wanted = list(worker.submit(request))
    while generation.finish_reason is None:
        time.sleep(0.001)
    assert asyncio.run(read(generation)) == wanted


def test_several_at_once(worker: Worker) -> None:
    requests = [Request(PROMPT[n:], GREEDY, max_tokens=10 + n) for n in range(6)]
    wanted = [list(worker.submit(request)) for request in requests]

    async def all_of_them() -> list[list[int]]:
        return await asyncio.gather(*(read(worker.submit(request)) for request in requests))

    assert asyncio.run(all_of_them()) == wanted


def test_cancelling_the_task_ends_the_request(endless: tuple[Engine, Worker]) -> None:
    engine, worker = endless
    generations = [worker.submit(Request(PROMPT[n:])) for n in range(3)]

    async def cancel_one_after_the_other() -> None:
        begun = [asyncio.Event() for _ in generations]

        async def follow(index: int) -> None:
            async for _ in generations[index]:
                begun[index].set()

        tasks = [asyncio.create_task(follow(index)) for index in range(3)]
        for task, event, generation in zip(tasks, begun, generations, strict=True):
            await event.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert generation.finish_reason is FinishReason.CANCELLED

    asyncio.run(cancel_one_after_the_other())
    assert_ended(engine, worker, *generations)


def test_cancelling_before_the_first_token(endless: tuple[Engine, Worker]) -> None:
    engine, worker = endless
    generation = worker.submit(Request([*PROMPT * 90]))

    async def give_up() -> None:
        async with asyncio.timeout(0):
            await read(generation)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert_ended(engine, worker, generation)


@pytest.mark.parametrize("reads_tokens", [False, True])
def test_closing_early_ends_the_request(endless: tuple[Engine, Worker], reads_tokens: bool) -> None:
    engine, worker = endless
    generation = worker.submit(Request(PROMPT))

    async def take_three() -> int:
        taken = 0
        tokens = generation.tokens_async() if reads_tokens else generation.__aiter__()
        async with contextlib.aclosing(tokens):  # type: ignore[type-var]
            async for _ in tokens:
                taken += 1
                if taken == 3:
                    break
        assert generation.finish_reason is FinishReason.CANCELLED
        return taken

    assert asyncio.run(take_three()) == 3
    assert_ended(engine, worker, generation)


def test_leaving_the_loop_ends_the_request(endless: tuple[Engine, Worker]) -> None:
    engine, worker = endless
    generation = worker.submit(Request(PROMPT))

    async def take_one() -> None:
        async for _ in generation:
            break

    asyncio.run(take_one())
    assert_ended(engine, worker, generation)


def test_cancel_from_another_thread_wakes_the_reader(endless: tuple[Engine, Worker]) -> None:
    engine, worker = endless
    generation = worker.submit(Request(PROMPT))

    async def follow() -> int:
        taken = 0
        async for _ in generation:
            taken += 1
            if taken == 2:
                threads = [threading.Thread(target=generation.cancel) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    await asyncio.to_thread(thread.join)
        return taken

    assert asyncio.run(follow()) >= 2
    assert_ended(engine, worker, generation)


def test_an_error_reaches_the_reader(worker: Worker) -> None:
    def fail(token_ids: Sequence[int], logits: Float32) -> Float32:
        if len(token_ids) == len(PROMPT) + 2:
            raise ZeroDivisionError
        return logits

    taken: list[int] = []

    async def follow() -> None:
        generation = worker.submit(Request(PROMPT, GREEDY, processors=(fail,)))
        async for token_id in generation:
            taken.append(token_id)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(follow())
    assert taken == list(worker.submit(Request(PROMPT, GREEDY, max_tokens=2)))


def test_an_error_of_the_reader_ends_the_request(endless: tuple[Engine, Worker]) -> None:
    engine, worker = endless
    generation = worker.submit(Request(PROMPT))

    async def fail() -> None:
        async with contextlib.aclosing(generation.tokens_async()) as tokens:
            async for _ in tokens:
                raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(fail())
    assert_ended(engine, worker, generation)


def test_closing_the_worker_ends_the_reader(endless: tuple[Engine, Worker]) -> None:
    engine, worker = endless
    generation = worker.submit(Request(PROMPT))

    async def follow() -> None:
        async for _ in generation:
            await asyncio.to_thread(worker.close)

    asyncio.run(follow())
    assert_ended(engine, worker, generation)
