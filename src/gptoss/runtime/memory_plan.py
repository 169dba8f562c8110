"""Bytes that a model and its sequences will take, before anything is loaded."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gptoss.engine.drafts import MAX_DRAFT
from gptoss.engine.options import EngineOptions
from gptoss.errors import MemoryBudgetError
from gptoss.files.sizes import memory_size
from gptoss.model.config import Config, LayerType
from gptoss.model.page_pool import page_bytes, pages_for
from gptoss.model.precision import CacheType

# The interpreter, the libraries and the tokenizer: measured on Linux, x86-64, with the 20B's vocabulary.
PROCESS_BYTES = 260 << 20
# A context below this is no conversation: it is refused rather than made so small.
LEAST_CONTEXT = 4096
_STEP = 1024
# Room for prefixes where there is little: for the last turns of one conversation.
FEW_SPARE_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes resident at most, by what takes them.

    weights    what every token reads, laid out for the kernels or as stored
    embedding  rows are read from the checkpoint's file, and the system takes them back first
    keys       keys and values of the full layers, for all positions of all sequences
    windows    those of the sliding layers, of running sequences and of kept prefixes
    scratch    buffers of a step
    process    the interpreter and its libraries
    """

    weights: int
    embedding: int
    keys: int
    windows: int
    scratch: int
    process: int = PROCESS_BYTES

    @property
    def total(self) -> int:
        """All of it."""
        parts = (self.weights, self.embedding, self.keys, self.windows, self.scratch, self.process)
        return sum(parts)


@dataclass(frozen=True, slots=True)
class WeightBytes:
    """Bytes of one way to keep a model's weights."""

    name: str
    resident: int
    embedding: int


def plan_memory(
    config: Config, weights: WeightBytes, options: EngineOptions, cache_type: CacheType
) -> MemoryPlan:
    """What an engine with these options takes when all of its sequences and prefixes are there."""
    page = {
        kind: page_bytes(config, cache_type, config.layer_types.count(kind)) for kind in LayerType
    }
    context = options.context or config.max_positions
    full = pages_for(options.num_cache_tokens(config.max_positions)) + options.max_running
    # Each sequence has its window, across one page more than it fills; what a step adds is shared.
    each = pages_for(config.sliding_window) + 2
    sliding = each * options.max_running + pages_for(options.max_chunk)
    if options.keeps_prefixes:
        sliding += pages_for(options.spare_tokens)
    return MemoryPlan(
        weights=weights.resident,
        embedding=weights.embedding,
        keys=full * page[LayerType.FULL],
        windows=sliding * page[LayerType.SLIDING],
        scratch=_scratch_bytes(config, options, context),
    )


def fit_options(
    config: Config,
    weights: WeightBytes,
    options: EngineOptions,
    cache_type: CacheType,
    budget: int,
) -> EngineOptions:
    """Options that stay within a budget of bytes: as given, or, where they leave the context open, with less of it.

    Raises MemoryBudgetError, with the numbers, when nothing of at least LEAST_CONTEXT tokens does.
    """
    fitting = largest_fit(config, weights, options, cache_type, budget)
    if fitting is not None:
        return fitting
    least = (
        _at(options, min(LEAST_CONTEXT, config.max_positions)) if not options.context else options
    )
    plan = plan_memory(config, weights, least, cache_type)
    raise MemoryBudgetError(
        f"{least.context:,} tokens of context need {memory_size(plan.total)} ({describe(plan)}), and the budget is "
        f"{memory_size(budget)}"
    )


def largest_fit(
    config: Config,
    weights: WeightBytes,
    options: EngineOptions,
    cache_type: CacheType,
    budget: int,
) -> EngineOptions | None:
    """The options as given, or with the largest context that fits where they leave it open; None: nothing fits.

    Where short contexts of several sequences do not fit side by side, they share the room of one; where they still do
    not, fewer prefixes are kept.
    """
    for candidate in _with_less_room(options):
        found = _largest_fit(config, weights, candidate, cache_type, budget)
        if found is not None:
            return found
    return None


def _with_less_room(options: EngineOptions) -> Iterator[EngineOptions]:
    yield options
    if options.cache_tokens is None:
        options = replace(options, cache_tokens=0)
        yield options
    if options.spare_tokens > FEW_SPARE_TOKENS:
        yield replace(options, spare_tokens=FEW_SPARE_TOKENS)


def _largest_fit(
    config: Config,
    weights: WeightBytes,
    options: EngineOptions,
    cache_type: CacheType,
    budget: int,
) -> EngineOptions | None:
    def fits(candidate: EngineOptions) -> bool:
        return plan_memory(config, weights, candidate, cache_type).total <= budget

    most = config.max_positions
    if options.context is not None or fits(_at(options, most)):
        whole = options if options.context is not None else _at(options, most)
        return whole if fits(whole) else None
    # In steps of a kibitoken: numbers that a person can say again.
    steps = range(LEAST_CONTEXT // _STEP, most // _STEP)
    num_fitting = bisect.bisect_left(
        steps, True, key=lambda step: not fits(_at(options, step * _STEP))
    )
    return _at(options, steps[num_fitting - 1] * _STEP) if num_fitting else None


def describe(plan: MemoryPlan) -> str:
    """The parts of a plan in a line."""
    parts = {
        "weights": plan.weights + plan.embedding,
        "keys and values": plan.keys + plan.windows,
        "buffers": plan.scratch + plan.process,
    }
    return ", ".join(f"{name} {memory_size(value)}" for name, value in parts.items())


def _at(options: EngineOptions, context: int) -> EngineOptions:
    return replace(options, context=context)


def _scratch_bytes(config: Config, options: EngineOptions, context: int) -> int:
    rows = options.max_chunk + options.max_running * (1 + MAX_DRAFT)
    heads = (config.num_heads + 2 * config.num_kv_heads) * config.head_dim
    chosen = config.experts_per_token
    # float32 buffers of the residual stream, norm, projections and experts' inner and outer values, each with its
    # rounded twin of up to the same size.
    per_token = (
        2
        * 4
        * (
            2 * config.hidden_size
            + heads
            + config.num_heads * config.head_dim
            + chosen * (3 * config.intermediate_size + config.hidden_size)
        )
    )
    rotary = 2 * 4 * context * config.head_dim // 2
    logits = 3 * 4 * config.vocab_size * options.max_running
    return rows * per_token + 2 * rotary + logits
