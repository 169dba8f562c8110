"""Will a checkpoint fit into memory, and how."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gptoss import kernels
from gptoss.engine import EngineOptions
from gptoss.errors import MemoryBudgetError
from gptoss.files.sizes import memory_size
from gptoss.model.checkpoint import Checkpoint
from gptoss.model.packing import Packing, WeightType
from gptoss.model.precision import CacheType
from gptoss.runtime.machine_memory import available_memory
from gptoss.runtime.memory_plan import (
    FEW_SPARE_TOKENS,
    LEAST_CONTEXT,
    MemoryPlan,
    WeightBytes,
    fit_options,
    largest_fit,
    plan_memory,
)
from gptoss.runtime.packed_weights import file_bytes

# Tokens of the conversation by which a model is said to fit where nobody asks for a context.
CONVERSATION = 4096


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a checkpoint, and what it takes."""

    weight_type: WeightType
    cache_type: CacheType
    options: EngineOptions
    plan: MemoryPlan

    @property
    def context(self) -> int:
        """Tokens of a conversation."""
        assert self.options.context is not None
        return self.options.context

    def flags(self, asked: EngineOptions) -> str:
        """The options of a command that choose it, where that was asked for other ones."""
        found = f"--weights {self.weight_type} --kv {self.cache_type}"
        if self.context != asked.context:
            found += f" --context {self.context}"
        if self.options.max_running != asked.max_running:
            found += f" --max-batch {self.options.max_running}"
        return found


def weights_of(checkpoint: Checkpoint, weight_type: WeightType) -> WeightBytes:
    """What the checkpoint's weights take when they are kept that way; nothing is read."""
    packing = _packing(checkpoint, weight_type)
    embedding = checkpoint.weights.embedding.nbytes
    return WeightBytes(str(weight_type), packing.num_resident_bytes, embedding)


def conversation_bytes(checkpoint: Checkpoint) -> int:
    """What a checkpoint takes with one conversation of CONVERSATION tokens, in the default numbers."""
    config = checkpoint.config
    options = EngineOptions(max_running=1, context=min(CONVERSATION, config.max_positions))
    weights = weights_of(checkpoint, WeightType.INT8)
    return plan_memory(config, weights, options, CacheType.BF16).total


def packed_bytes(checkpoint: Checkpoint, weight_type: WeightType) -> int:
    """What the file of packed weights takes on the disk, beside the checkpoint; 0 where none is made."""
    return file_bytes(_packing(checkpoint, weight_type))


def fit(
    checkpoint: Checkpoint,
    weight_type: WeightType,
    options: EngineOptions,
    cache_type: CacheType,
    *,
    budget: int | None = None,
) -> EngineOptions:
    """The options, with a context that fits into `budget` bytes; None: what this machine can give.

    Warns when the context is smaller than the model's because of that. Raises MemoryBudgetError, with the numbers and
    what would fit instead, for options that do not.
    """
    config = checkpoint.config
    limit = available_memory() if budget is None else budget
    if limit is None:
        return options
    try:
        fitting = fit_options(
            config, weights_of(checkpoint, weight_type), options, cache_type, limit
        )
    except MemoryBudgetError as error:
        ways = [way.flags(options) for way in ways_to_fit(checkpoint, options, limit)]
        fits = f"what fits: {'; '.join(ways)}" if ways else _too_large(checkpoint, options, limit)
        insist = "" if budget is not None else ", or insist with --memory"
        raise MemoryBudgetError(f"{error}; {fits}{insist}") from None
    if options.context is None and fitting.context != config.max_positions:
        assert fitting.context is not None
        warnings.warn(
            f"the context is {fitting.context:,} of {config.max_positions:,} tokens, which is what fits into "
            f"{memory_size(limit)}; `gptoss fit` shows other ways",
            stacklevel=4,
        )
    return fitting


def ways_to_fit(checkpoint: Checkpoint, options: EngineOptions, budget: int) -> list[Way]:
    """Ways that stay within the budget, each with the context asked for or the largest there is; most exact first."""
    return [way for way in _all_ways(checkpoint, options, budget) if way.plan.total <= budget]


def least_way(checkpoint: Checkpoint, options: EngineOptions) -> Way:
    """The way that takes least: one sequence of the shortest context, everything in eight bits."""
    config = checkpoint.config
    context = min(LEAST_CONTEXT, config.max_positions)
    least = replace(
        options, context=context, cache_tokens=0, max_running=1, spare_tokens=FEW_SPARE_TOKENS
    )
    ways = (
        Way(
            weight_type,
            kv,
            least,
            plan_memory(config, weights_of(checkpoint, weight_type), least, kv),
        )
        for weight_type in WeightType
        for kv in (CacheType.BF16, CacheType.INT8)
    )
    return min(ways, key=lambda way: way.plan.total)


def _too_large(checkpoint: Checkpoint, options: EngineOptions, limit: int) -> str:
    way = least_way(checkpoint, options)
    total = way.plan.total
    return (
        f"nothing fits: the least is {memory_size(total)}, {memory_size(total - limit)} more than there is "
        f"({way.flags(options)}); close other programs, or use a machine with more memory"
    )


def _packing(checkpoint: Checkpoint, weight_type: WeightType) -> Packing:
    """Of which only sizes are asked."""
    backend = kernels.Backend(threads=1)
    return Packing(checkpoint.config, checkpoint.weights, weight_type, backend)


def _all_ways(checkpoint: Checkpoint, options: EngineOptions, budget: int) -> Iterator[Way]:
    config = checkpoint.config
    for weight_type in WeightType:
        weights = weights_of(checkpoint, weight_type)
        for cache_type in (CacheType.BF16, CacheType.INT8):
            found = (
                largest_fit(config, weights, candidate, cache_type, budget)
                for candidate in (
                    options,
                    replace(options, max_running=1),
                    replace(options, context=None),
                )
            )
            fitting = next((way for way in found if way is not None), None)
            if fitting is not None:
                plan = plan_memory(config, weights, fitting, cache_type)
                yield Way(weight_type, cache_type, fitting, plan)
