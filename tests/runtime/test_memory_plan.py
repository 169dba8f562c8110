"""What a model takes, and what fits."""

from __future__ import annotations

import dataclasses

import pytest

from gptoss.engine import EngineOptions
from gptoss.errors import MemoryBudgetError
from gptoss.model.config import Config
from gptoss.model.precision import CacheType
from gptoss.model.synth import gpt_oss_20b
from gptoss.runtime.memory_plan import (
    FEW_SPARE_TOKENS,
    WeightBytes,
    fit_options,
    largest_fit,
    plan_memory,
)

GIB = 1 << 30
# Of the 20B with attention and head in eight bits; its embedding.
INT8 = WeightBytes("int8", 11_444_000_000, 1_158_000_000)


@pytest.fixture(scope="module")
def config() -> Config:
    return gpt_oss_20b()


def test_the_parts_of_the_20b(config: Config) -> None:
    plan = plan_memory(config, INT8, EngineOptions(max_running=1), CacheType.BF16)
    # Twelve full layers, keys and values, eight heads of 64 values of two bytes.
    assert plan.keys == pytest.approx(131_072 * 12 * 2 * 8 * 64 * 2, rel=1e-3)
    half = plan_memory(config, INT8, EngineOptions(max_running=1), CacheType.INT8)
    assert half.keys == pytest.approx(plan.keys * 68 / 128, rel=1e-6)
    assert half.windows < plan.windows
    assert plan.total == sum(dataclasses.astuple(plan))


def test_a_whole_context_of_the_20b_stays_below_16_gib(config: Config) -> None:
    for cache_type in (CacheType.BF16, CacheType.INT8):
        plan = plan_memory(config, INT8, EngineOptions(), cache_type)
        assert plan.total < 16 * GIB


def test_more_sequences_take_more(config: Config) -> None:
    plans = [
        plan_memory(config, INT8, EngineOptions(max_running=n), CacheType.BF16).total
        for n in (1, 2, 16)
    ]
    assert plans == sorted(set(plans))


def test_the_largest_context_that_fits(config: Config) -> None:
    budget = int(14.2 * GIB)
    found = largest_fit(config, INT8, EngineOptions(), CacheType.BF16, budget)
    assert found is not None
    assert found.context is not None
    assert 4096 < found.context < 131_072
    assert plan_memory(config, INT8, found, CacheType.BF16).total <= budget
    more = dataclasses.replace(found, context=found.context + 1024)
    assert plan_memory(config, INT8, more, CacheType.BF16).total > budget


def test_a_context_that_was_asked_for_is_not_made_smaller(config: Config) -> None:
    options = EngineOptions(context=131_072)
    assert largest_fit(config, INT8, options, CacheType.BF16, 14 * GIB) is None
    with pytest.raises(MemoryBudgetError, match=r"131,072 tokens of context need 1\d\.\d GiB"):
        fit_options(config, INT8, options, CacheType.BF16, 14 * GIB)
    assert fit_options(config, INT8, options, CacheType.BF16, 18 * GIB) == options


def test_short_contexts_share_the_room_of_one_before_nothing_fits(config: Config) -> None:
    budget = int(13.1 * GIB)
    side_by_side = plan_memory(config, INT8, EngineOptions(context=4096), CacheType.BF16)
    assert side_by_side.total > budget
    found = largest_fit(config, INT8, EngineOptions(), CacheType.BF16, budget)
    assert found is not None
    assert found.num_cache_tokens(131_072) == found.context
    assert plan_memory(config, INT8, found, CacheType.BF16).total <= budget


def test_one_sequence_of_the_20b_has_a_conversation_in_12_7_gib(config: Config) -> None:
    one = EngineOptions(max_running=1, context=4096)
    assert fit_options(config, INT8, one, CacheType.BF16, int(12.7 * GIB)) == one


def test_fewer_prefixes_are_kept_before_nothing_fits(config: Config) -> None:
    budget = int(12.5 * GIB)
    found = largest_fit(config, INT8, EngineOptions(max_running=1), CacheType.BF16, budget)
    assert found is not None
    assert found.spare_tokens == FEW_SPARE_TOKENS
    assert plan_memory(config, INT8, found, CacheType.BF16).total <= budget


def test_too_little_for_anything(config: Config) -> None:
    with pytest.raises(MemoryBudgetError, match=r"4,096 tokens .* the budget is 8\.0 GiB"):
        fit_options(config, INT8, EngineOptions(), CacheType.INT8, 8 * GIB)
