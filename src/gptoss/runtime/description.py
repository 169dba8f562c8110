"""A loaded model in a line: its form, what it takes, and what computes it."""

from __future__ import annotations

from gptoss.files.sizes import memory_size
from gptoss.model.packing import WeightType
from gptoss.model.precision import CacheType
from gptoss.runtime.fitting import weights_of
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.runtime.memory_plan import plan_memory


def describe(model: LoadedModel) -> str:
    """What a person wants to know of it beside its name: form, memory at most, context, arithmetic."""
    checkpoint, backend = model.checkpoint, model.backend
    weights = weights_of(checkpoint, WeightType.parse(model.weights))
    cache_type = CacheType.parse(model.cache_type)
    plan = plan_memory(model.config, weights, model.options, cache_type)
    return (
        f"{checkpoint.layout.title}, weights {model.weights}; up to {memory_size(plan.total)} of memory; context "
        f"{model.context:,} tokens; {model.precision}, {backend.isa}, {backend.threads} threads"
    )
