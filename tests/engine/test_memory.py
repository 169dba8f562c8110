"""What a model takes, and what fits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gptoss.engine import EngineOptions
from gptoss.engine.memory import (
    GIB,
    Weights,
    _group_available,
    available_memory,
    fit_options,
    largest_fit,
    parse_bytes,
    plan_memory,
)
from gptoss.errors import MemoryBudgetError, RequestError
from gptoss.model.config import Config
from gptoss.model.precision import CacheType
from gptoss.model.synth import gpt_oss_20b

# Of the 20B with attention and head in eight bits; its embedding.
INT8 = Weights("int8", 11_444_000_000, 1_158_000_000)


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


def test_too_little_for_anything(config: Config) -> None:
    with pytest.raises(MemoryBudgetError, match=r"4,096 tokens .* the budget is 8\.0 GiB"):
        fit_options(config, INT8, EngineOptions(), CacheType.INT8, 8 * GIB)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16G", 16 << 30),
        ("16GiB", 16 << 30),
        ("12.5g", 25 << 29),
        (" 900 MB ", 900 << 20),
        ("2048", 2048),
        ("1t", 1 << 40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1,5G", "16X", "1e9", "16 G B"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(RequestError, match="wanted a size like 16G"):
        parse_bytes(text)


def test_a_containers_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    assert _group_available(tmp_path) is None
    (tmp_path / "memory.max").write_text("8000000\n")
    (tmp_path / "memory.current").write_text("5000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 2000000\nactive_file 500000\n")
    assert _group_available(tmp_path) == 5_500_000
    (tmp_path / "memory.current").write_text("nonsense")
    assert _group_available(tmp_path) is None


def test_this_machine_has_memory() -> None:
    if Path("/proc/meminfo").exists():
        available = available_memory()
        assert available is not None
        assert available > 1 << 20
