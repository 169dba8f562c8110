"""Many requests to many engines: pages, requests and memory are all there in the end."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gptoss import nano
from gptoss.engine import (
    Engine,
    EngineOptions,
    FinishReason,
    Generation,
    Request,
    SamplingParams,
    Worker,
)
from gptoss.kernels import Backend
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.transformer import Transformer
from tests.engine.paged_model import assert_all_free, assert_sound
from tests.model.random_model import open_transformer

CONTEXT = 4 * PAGE_SIZE
MAX_NEW = 12
REQUESTS_AN_ENGINE = 40
_STATM = Path("/proc/self/statm")
# What is lost for every request shows in thousands of them; what an allocator keeps does not grow with their number.
_MAX_GROWTH_BYTES = 32 * 2**20


@dataclass
class Totals:
    """What happened in all."""

    num_requests: int = 0
    num_cancelled: int = 0
    num_preempted: int = 0
    num_cached: int = 0
    num_accepted: int = 0
    answers: dict[Request, list[int]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def model() -> Transformer:
    return open_transformer(nano.checkpoint_path(), "int8", Backend(threads=1), "int8")


def test_two_thousand_requests(model: Transformer) -> None:
    totals = soak(model, 700)
    before = resident_bytes()
    soak(model, 2000, totals)
    grown = resident_bytes() - before
    assert grown < _MAX_GROWTH_BYTES, f"{grown / 2**20:.1f} MiB more"
    assert 20 < totals.num_cancelled < 1500
    assert totals.num_preempted > 20
    assert totals.num_cached > 10_000
    assert totals.num_accepted > 50


def soak(model: Transformer, num_requests: int, totals: Totals | None = None) -> Totals:
    """Until so many requests have been made, of a few; those that are the same must get the same answers."""
    totals = totals or Totals()
    generator = random.Random(totals.num_requests)
    beginnings = [[generator.randrange(300) for _ in range(90)] for _ in range(3)]
    requests = [some_request(generator, beginnings) for _ in range(40)]
    while totals.num_requests < num_requests:
        run_an_engine(model, generator, requests, totals)
    return totals


def some_request(generator: random.Random, beginnings: list[list[int]]) -> Request:
    """Seeded, so that it can be told what the answer must be."""
    own = [generator.randrange(300) for _ in range(generator.randrange(1, 20))]
    prompt = (*generator.choice(beginnings)[: generator.randrange(90)], *own)
    sampling = generator.choice(
        [
            SamplingParams(temperature=0),
            SamplingParams(seed=1),
            SamplingParams(seed=2, temperature=0.8, top_p=0.9, logprobs=2),
            SamplingParams(seed=3, top_k=20, min_p=0.05, repetition_penalty=1.2),
            SamplingParams(temperature=0, frequency_penalty=0.5, presence_penalty=0.5),
            # Goes on with one token, which guesses are right about.
            SamplingParams(temperature=0, logit_bias={7: 100}),
        ]
    )
    stop_ids = frozenset(generator.sample(range(300), 20))
    return Request(prompt, sampling, max_tokens=generator.randint(1, MAX_NEW), stop_ids=stop_ids)


def run_an_engine(
    model: Transformer, generator: random.Random, requests: list[Request], totals: Totals
) -> None:
    options = EngineOptions(
        context=CONTEXT,
        cache_tokens=CONTEXT + generator.randrange(CONTEXT),
        spare_tokens=generator.randrange(2 * CONTEXT),
        max_running=generator.randint(1, 8),
        max_chunk=generator.randint(17, 128),
    )
    engine = Engine(model, options)
    if generator.random() < 0.7:
        # Without caution when sequences are let in, pages run out.
        engine._scheduler._num_available = lambda: 10**6  # type: ignore[method-assign]
    length = generator.choice([0, 3, 8])
    engine._drafts.choose = lambda *_: length  # type: ignore[method-assign]
    worker = Worker(engine, max_waiting=REQUESTS_AN_ENGINE)
    chosen = [generator.choice(requests) for _ in range(REQUESTS_AN_ENGINE)]
    generations = []
    for request in chosen:
        generations.append(worker.submit(request))
        if generator.random() < 0.2:
            generator.choice(generations[-5:]).cancel()
    # The answers are read in any order, and some given up before or after their first tokens.
    generator.shuffle(generations)
    for generation in generations:
        follow(generation, totals, generator.choice([0, 1, 4, None, None, None, None]))
    worker.close()
    sequences = [one._sequence for one in generations if one._sequence is not None]
    assert_sound(engine, sequences)
    assert_all_free(engine)


def follow(generation: Generation, totals: Totals, num_read: int | None) -> None:
    """Read an answer to its end, or give it up after so many tokens."""
    tokens = iter(generation)
    if num_read is None:
        taken = list(tokens)
    else:
        taken = [token for _, token in zip(range(num_read), tokens, strict=False)]
        generation.cancel()
        taken += tokens
    assert generation.finish_reason is not None
    known = totals.answers.get(generation.request)
    if generation.finish_reason is FinishReason.CANCELLED:
        totals.num_cancelled += 1
        assert known is None or taken == known[: len(taken)]
    else:
        assert taken == totals.answers.setdefault(generation.request, taken)
    timings = generation.timings
    totals.num_requests += 1
    totals.num_preempted += timings.preemptions
    totals.num_cached += timings.cached_tokens
    totals.num_accepted += timings.accepted_tokens


def resident_bytes() -> int:
    """0 where the system does not tell."""
    if not _STATM.exists():
        return 0
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
