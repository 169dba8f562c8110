"""What is wrong with one sequence ends that one, and what is wrong with all of a step loses no request."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss.engine import Engine, EngineOptions, FinishReason, Request, SamplingParams, Worker
from gptoss.engine.sequence import Sequence
from gptoss.errors import CheckpointError, EngineError
from gptoss.kernels import Float32
from gptoss.model.batch import Batch
from tests.engine.paged_model import (
    PagedModel,
    alone,
    assert_all_free,
    assert_sound,
    new_ids,
    paged_engine,
)

CONTEXT = 512
GREEDY = SamplingParams(temperature=0)
LENGTHS = [3, 40, 100, 200]


def open_engine() -> tuple[Engine, PagedModel]:
    options = EngineOptions(cache_tokens=4 * CONTEXT, max_chunk=64)
    return paged_engine(options, window=40, context=CONTEXT)


def requests() -> list[Request]:
    return [
        Request(np.random.default_rng(length).integers(0, 60, length), GREEDY, max_tokens=40)  # type: ignore[arg-type]
        for length in LENGTHS
    ]


def run_to_end(engine: Engine, sequences: list[Sequence]) -> dict[int, Exception]:
    """Errors by the index of the sequence."""
    errors: dict[int, Exception] = {}
    while any(sequence.finish_reason is None for sequence in sequences):
        for output in engine.step():
            if output.error is not None:
                assert sequences.index(output.sequence) not in errors
                errors[sequences.index(output.sequence)] = output.error
        assert_sound(engine, sequences)
    return errors


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize("num_new", [0, 1, 20])
@pytest.mark.parametrize("draft_length", [0, 8])
def test_a_forward_pass_that_fails_with_one_sequence_only(
    victim: int, num_new: int, draft_length: int
) -> None:
    engine, model = open_engine()
    engine._drafts.choose = lambda *_: draft_length  # type: ignore[method-assign]
    asked = requests()
    sequences = [engine.add(request) for request in asked]
    model.fails = lambda owner: owner is sequences[victim] and owner.num_new >= num_new
    errors = run_to_end(engine, sequences)
    assert set(errors) == {victim}
    assert isinstance(errors[victim], EngineError)
    assert isinstance(errors[victim].__cause__, ZeroDivisionError)
    for index, (sequence, request) in enumerate(zip(sequences, asked, strict=True)):
        wanted = alone(request, CONTEXT)
        if index == victim:
            assert sequence.finish_reason is FinishReason.CANCELLED
            assert new_ids(sequence) == wanted[: sequence.num_new]
        else:
            assert new_ids(sequence) == wanted
    assert_all_free(engine)


@pytest.mark.parametrize("victim", range(4))
def test_logits_that_are_no_numbers_end_their_own_sequence(victim: int) -> None:
    engine, model = open_engine()
    asked = requests()
    sequences = [engine.add(request) for request in asked]
    plain = model.forward

    def spoil(batch: Batch) -> Float32:
        logits = plain(batch)
        for row, index in enumerate(batch.sequence_index[batch.wanted]):
            if batch.sequences[index] is sequences[victim].cache and sequences[victim].num_new >= 7:
                logits[row] = np.nan
        return logits

    model.forward = spoil  # type: ignore[method-assign]
    errors = run_to_end(engine, sequences)
    assert set(errors) == {victim}
    assert isinstance(errors[victim], CheckpointError)
    for index, (sequence, request) in enumerate(zip(sequences, asked, strict=True)):
        wanted = alone(request, CONTEXT)
        assert new_ids(sequence) == (wanted[: sequence.num_new] if index == victim else wanted)
    assert sequences[victim].num_new >= 7
    assert_all_free(engine)


def test_a_fault_while_a_request_is_let_in_loses_none() -> None:
    """What ran ends with the error; the one that was to start, and those behind it, run after all."""
    engine, _ = open_engine()
    worker = Worker(engine)
    running = worker.submit(Request([1, 2, 3], GREEDY))
    next(iter(running))

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    engine.prefixes.match = fail  # type: ignore[method-assign, assignment]
    asked = requests()
    others = [worker.submit(request) for request in asked]
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        list(running)
    # Those that had been taken by then are the ones at stake; the fault was in prefixes that are gone.
    assert [list(one) for one in others] == [alone(request, CONTEXT) for request in asked]
    worker.close()
    assert_all_free(engine)


def test_prefixes_are_forgotten_after_a_fault() -> None:
    engine, _ = open_engine()
    request = requests()[3]
    sequences = [engine.add(request)]
    for _ in range(6):
        engine.step()
    engine.reset()
    assert sequences[0].finish_reason is FinishReason.CANCELLED
    assert not engine.prefixes.num_tokens
    again = engine.add(request)
    assert not run_to_end(engine, [*sequences, again])
    assert again.timings.cached_tokens == 0
    assert new_ids(again) == alone(request, CONTEXT)


def test_the_end_of_the_thread_is_not_the_end_of_the_worker() -> None:
    """A fault outside of any step ends what there is; the next request is answered again."""
    engine, _ = open_engine()
    worker = Worker(engine)
    publish, asked = worker._publish, requests()

    def fail(*_: object) -> None:
        worker._publish = publish  # type: ignore[method-assign]
        raise ZeroDivisionError

    worker._publish = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        list(worker.submit(asked[0]))
    assert worker.is_open
    assert list(worker.submit(asked[1])) == alone(asked[1], CONTEXT)
    worker.close()
    assert not worker.is_open
    assert_all_free(engine)
