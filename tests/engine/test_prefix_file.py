"""Prefixes that outlive their engine, and files that must not be believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gptoss.engine import Engine, EngineOptions, Request, SamplingParams
from gptoss.engine.prefix_file import PrefixFile
from gptoss.errors import OutputError, PrefixFileError
from gptoss.model.config import LayerType
from gptoss.model.transformer import Transformer

IDENTITY = {"model": "tiny", "version": "1"}
PROMPT = [n * 7 % 90 for n in range(150)]


def ask(engine: Engine, prompt: list[int]) -> tuple[list[int], int]:
    """Greedy tokens, and how much of the prompt was cached."""
    sequence = engine.add(Request(prompt, SamplingParams(temperature=0), max_tokens=8))
    while sequence.finish_reason is None:
        engine.step()
    return sequence.token_ids[len(prompt) :], sequence.timings.cached_tokens


@pytest.fixture
def engine(tiny_model: Transformer) -> Engine:
    return Engine(tiny_model, EngineOptions(context=512))


@pytest.fixture
def file(tmp_path: Path, engine: Engine) -> PrefixFile:
    """Written by an engine that has seen two prompts."""
    made = PrefixFile(tmp_path / "kept", "tiny", IDENTITY)
    ask(engine, PROMPT)
    ask(engine, [*PROMPT[:100], *PROMPT[:40]])
    assert made.save(engine.prefixes) == engine.prefixes.num_tokens
    return made


def test_the_next_engine_goes_on_with_the_same_tokens(
    file: PrefixFile, engine: Engine, tiny_model: Transformer
) -> None:
    other = Engine(tiny_model, EngineOptions(context=512))
    assert file.restore(other.prefixes) == engine.prefixes.num_tokens
    wanted, _ = ask(Engine(tiny_model, EngineOptions(context=512)), [*PROMPT, 5, 6])
    assert ask(other, [*PROMPT, 5, 6]) == (wanted, len(PROMPT))
    assert ask(other, [*PROMPT[:100], *PROMPT[:40], 1])[1] == 140
    other.prefixes.clear()
    for kind in LayerType:
        pool = other.cache.pool(kind)
        assert pool.num_free == pool.num_pages


def test_only_the_newest_fit_into_a_small_file(file: PrefixFile, engine: Engine) -> None:
    num_tokens = file.save(engine.prefixes, max_bytes=file.path.stat().st_size // 2)
    assert 0 < num_tokens < engine.prefixes.num_tokens


def test_a_small_cache_takes_what_fits(file: PrefixFile, tiny_model: Transformer) -> None:
    small = Engine(
        tiny_model, EngineOptions(context=64, cache_tokens=64, max_running=1, spare_tokens=0)
    )
    assert 0 < file.restore(small.prefixes) <= 64
    assert len(ask(small, PROMPT[:50])[0]) == 8


def test_no_file_is_nothing(tmp_path: Path, engine: Engine) -> None:
    assert PrefixFile(tmp_path, "tiny", IDENTITY).restore(engine.prefixes) == 0


def test_another_model_has_another_file(file: PrefixFile, tmp_path: Path) -> None:
    other = PrefixFile(tmp_path / "kept", "tiny", {**IDENTITY, "version": "2"})
    assert not other.path.exists()
    file.path.rename(other.path)
    with pytest.raises(PrefixFileError, match="another model, version or way to run"):
        other.restore(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [0.3, 0.5, 0.9, 0.999])
def test_a_changed_byte_is_noticed(file: PrefixFile, place: float, tiny_model: Transformer) -> None:
    data = bytearray(file.path.read_bytes())
    data[int(len(data) * place)] ^= 4
    file.path.write_bytes(data)
    fresh = Engine(tiny_model, EngineOptions(context=512))
    with pytest.raises(PrefixFileError, match="damaged"):
        file.restore(fresh.prefixes)
    assert fresh.prefixes.num_tokens == 0


@pytest.mark.parametrize("size", [0, 7, 500, -100])
def test_a_file_cut_short_is_refused(file: PrefixFile, size: int, tiny_model: Transformer) -> None:
    data = file.path.read_bytes()
    file.path.write_bytes(data[:size])
    with pytest.raises(PrefixFileError):
        file.restore(Engine(tiny_model, EngineOptions(context=512)).prefixes)


def test_pages_of_another_shape_are_refused(file: PrefixFile, tiny_model: Transformer) -> None:
    from gptoss.model.precision import CacheType

    options = EngineOptions(context=512, cache_type=CacheType.FLOAT32)
    with pytest.raises(PrefixFileError, match="another shape"):
        file.restore(Engine(tiny_model, options).prefixes)


@pytest.mark.parametrize(
    ("column", "value"), [(0, 10_000), (0, -2), (1, 10_000), (3, 0), (3, 33), (0, 5)]
)
def test_a_tree_that_makes_no_sense_is_refused(
    file: PrefixFile, engine: Engine, column: int, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gptoss.engine import prefix_file

    made = prefix_file._tree

    def broken(nodes: list[object]) -> np.ndarray:
        tree = made(nodes)  # type: ignore[arg-type]
        tree[2, column] = value
        return tree

    monkeypatch.setattr(prefix_file, "_tree", broken)
    file.save(engine.prefixes)
    with pytest.raises(PrefixFileError, match="makes no sense"):
        file.restore(engine.prefixes)


def test_a_folder_that_cannot_be_written(tmp_path: Path, engine: Engine) -> None:
    ask(engine, PROMPT)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        PrefixFile(tmp_path / "file", "tiny", IDENTITY).save(engine.prefixes)
