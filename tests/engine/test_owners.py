"""What is kept apart by owner, and what is divided among owners."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from gptoss.engine import Engine, EngineOptions, Owner, Request, SamplingParams, Shares, Worker
from gptoss.errors import QueueFullError
from gptoss.kernels import Float32
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.transformer import Transformer
from tests.engine.paged_model import alone, new_ids, paged_engine, run_to_end

GREEDY = SamplingParams(temperature=0)
CONTEXT = 1024
PROMPT = [7 * n % 60 for n in range(4 * PAGE_SIZE + 5)]
A, B = Owner("a"), Owner("b")


def cached(engine: Engine, owner: Owner, prompt: Sequence[int] = PROMPT) -> int:
    """Tokens of a prompt that were in the cache."""
    sequence = engine.add(Request(prompt, GREEDY, max_tokens=2, owner=owner))
    run_to_end(engine, [sequence], max_steps=100)
    return sequence.timings.cached_tokens


def new_engine(max_running: int = 16, max_chunk: int = 512) -> Engine:
    made = EngineOptions(
        cache_tokens=2 * CONTEXT, speculates=False, max_running=max_running, max_chunk=max_chunk
    )
    return paged_engine(made, window=40, context=CONTEXT)[0]


class TestPrefixes:
    def test_an_owner_finds_its_own_alone(self) -> None:
        engine = new_engine()
        assert cached(engine, A) == 0
        assert cached(engine, B) == 0
        assert cached(engine, Owner()) == 0
        for owner in (A, B, Owner()):
            assert cached(engine, owner) == len(PROMPT) - 1

    @pytest.mark.parametrize("length", [1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE])
    def test_no_part_of_a_page_tells_of_another(self, length: int) -> None:
        """A guess that grows token by token is not told how far it is right."""
        engine = new_engine()
        cached(engine, A)
        assert cached(engine, B, [*PROMPT[:length], 61]) == 0

    @pytest.mark.parametrize("num_shared", [1, PAGE_SIZE, 2 * PAGE_SIZE, 2 * PAGE_SIZE + 9])
    def test_what_is_shared_is_found_by_all(self, num_shared: int) -> None:
        engine = new_engine()
        cached(engine, Owner("a", num_shared))
        whole = num_shared // PAGE_SIZE * PAGE_SIZE
        assert cached(engine, Owner("b", num_shared)) == whole
        assert cached(engine, Owner("b", num_shared)) == len(PROMPT) - 1

    def test_a_shared_page_is_found_in_part_up_to_what_is_shared(self) -> None:
        engine = new_engine()
        cached(engine, Owner("a", 2 * PAGE_SIZE))
        assert cached(engine, Owner("b", PAGE_SIZE + 9)) == PAGE_SIZE + 9

    def test_nobody_waits_for_another_owners_prompt(self) -> None:
        engine = new_engine(max_chunk=32)
        sequences = [
            engine.add(Request(PROMPT, GREEDY, max_tokens=2, owner=owner)) for owner in (A, A, B)
        ]
        engine.step()
        assert [sequence.cache is not None for sequence in sequences] == [True, False, True]
        run_to_end(engine, sequences, max_steps=100)
        assert {tuple(new_ids(sequence)) for sequence in sequences} == {
            tuple(alone(Request(PROMPT, GREEDY, max_tokens=2), CONTEXT))
        }


class TestPlaces:
    def test_an_owner_with_many_yields_a_place(self) -> None:
        engine = new_engine(max_running=4)
        requests = [
            Request([n, 1, 2], GREEDY, max_tokens=60, owner=owner)
            for n, owner in enumerate([A, A, A, A, A, A, B, B, B])
        ]
        sequences = [engine.add(request) for request in requests]
        engine.step()
        running = [s.request.owner.name for s in engine._scheduler.running]
        assert sorted(running) == ["a", "a", "b", "b"]
        run_to_end(engine, sequences, max_steps=1000)
        # Those that gave their place away have the same tokens.
        assert [new_ids(s) for s in sequences] == [alone(r, CONTEXT) for r in requests]
        assert sum(s.timings.preemptions for s in sequences) <= 4

    def test_those_who_come_later_get_a_place_from_those_who_run(self) -> None:
        engine = new_engine(max_running=4)
        sequences = [engine.add(Request([n], GREEDY, max_tokens=200, owner=A)) for n in range(4)]
        for _ in range(5):
            engine.step()
        late = engine.add(Request([9], GREEDY, max_tokens=3, owner=B))
        steps = 0
        while late.finish_reason is None:
            engine.step()
            steps += 1
        assert steps <= 4
        run_to_end(engine, sequences, max_steps=1000)

    def test_one_owner_is_never_preempted_for_itself(self) -> None:
        engine = new_engine(max_running=2)
        sequences = [engine.add(Request([n], GREEDY, max_tokens=9, owner=A)) for n in range(6)]
        run_to_end(engine, sequences, max_steps=1000)
        assert not any(s.timings.preemptions for s in sequences)


class TestShares:
    @pytest.mark.parametrize(("num_owners", "each"), [(1, 42), (2, 25), (3, 18)])
    def test_of_a_queue(self, num_owners: int, each: int) -> None:
        shares = Shares(64)
        held = dict.fromkeys(map(str, range(num_owners)), 0)
        for _ in range(64):
            for owner, own in held.items():
                if shares.has_room(owner, wanted=1, own=own, taken=sum(held.values())):
                    held[owner] += 1
        assert all(abs(own - each) <= 1 for own in held.values())
        assert shares.has_room("another", wanted=1, own=0, taken=sum(held.values()))

    def test_everybody_has_all(self) -> None:
        shares = Shares(5)
        assert shares.has_room("", wanted=1, own=4, taken=4)
        assert not shares.has_room("", wanted=1, own=5, taken=5)

    def test_the_queue_keeps_room_for_others(self, tiny_model: Transformer) -> None:
        held, entered = threading.Event(), threading.Event()

        def hold(_: Sequence[int], logits: Float32) -> Float32:
            entered.set()
            held.wait(10)
            return logits

        worker = Worker(Engine(tiny_model, EngineOptions(context=100)), max_waiting=9)
        first = worker.submit(Request([1], max_tokens=1, processors=(hold,)))
        entered.wait(10)
        taken = [worker.submit(Request([1], max_tokens=1, owner=A)) for _ in range(6)]
        with pytest.raises(QueueFullError, match="6 requests of the same key are waiting"):
            worker.submit(Request([1], max_tokens=1, owner=A))
        taken += [worker.submit(Request([1], max_tokens=1, owner=B)) for _ in range(2)]
        held.set()
        assert [len(list(generation)) for generation in (first, *taken)] == [1] * 9
        worker.close()
