"""A GGUF file is a model like any other: it loads, answers, and is laid out in a cache file once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import gptoss
from benchmarks.peers.gguf_file import write_gguf
from gptoss import nano
from gptoss.cli.main import app
from gptoss.engine import SamplingParams
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.packing import WeightType
from gptoss.runtime import packed_weights
from gptoss.runtime.caches import cached_files
from gptoss.runtime.fitting import weights_of

IDS = list(range(1, 60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nano as two GGUF files: its matrices in bfloat16, and in Q8_0. Its tokenizer is not o200k's."""
    folder = tmp_path_factory.mktemp("gguf")
    shutil.copy(nano.checkpoint_path() / "tokenizer.json", folder)
    write_gguf(nano.checkpoint_path(), folder / "exact.gguf", quantised=False)
    write_gguf(nano.checkpoint_path(), folder / "rounded.gguf", quantised=True)
    return folder


@pytest.mark.parametrize("weights", list(WeightType))
def test_same_logits(folder: Path, weights: str) -> None:
    with (
        gptoss.load(folder / "exact.gguf", weights=weights) as model,
        gptoss.load("nano", weights=weights) as wanted,
    ):
        assert model.name == "exact"
        np.testing.assert_array_equal(model.logits(IDS), wanted.logits(IDS))


def test_decoded_matrices_come_from_the_cache_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gptoss.load(folder / "rounded.gguf", weights="stored") as model:
        wanted = model.logits(IDS)
    monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)
    for _ in range(2):
        with gptoss.load(
            folder / "rounded.gguf", weights="stored", weights_cache=tmp_path
        ) as model:
            np.testing.assert_array_equal(model.logits(IDS), wanted)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("rounded.gguf-stored-")
    with gptoss.load("nano", weights="stored") as exact:
        assert not np.array_equal(exact.logits(IDS), wanted)


def test_memory_is_counted_once(folder: Path) -> None:
    """The embedding apart, of which rows are read where they lie in the file."""
    exact, rounded = (open_checkpoint(folder / f"{name}.gguf") for name in ("exact", "rounded"))
    for weight_type in WeightType:
        wanted, found = weights_of(exact, weight_type), weights_of(rounded, weight_type)
        assert found.resident == wanted.resident
        assert found.embedding == wanted.embedding * 34 // 64


def test_it_answers(folder: Path) -> None:
    with gptoss.load(folder / "exact.gguf") as model, gptoss.load("nano") as nano_model:
        answers = [
            list(each.submit(IDS, SamplingParams(temperature=0), max_tokens=8))
            for each in (model, nano_model)
        ]
    assert answers[0] == answers[1]


def test_a_link_has_the_name_that_people_know(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its cache file is known for what it is."""
    shutil.copy(nano.checkpoint_path() / "tokenizer.json", tmp_path)
    (tmp_path / "gpt-oss-20b.gguf").symlink_to(folder / "exact.gguf")
    monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)
    cache = tmp_path / "cache"
    with gptoss.load(tmp_path / "gpt-oss-20b.gguf", weights_cache=cache) as model:
        assert model.name == "gpt-oss-20b"
    (found,) = cached_files(cache)
    assert (found.model, found.form, found.unused) == ("gpt-oss-20b.gguf", "int8", "")
    (tmp_path / "gpt-oss-20b.gguf").unlink()
    (found,) = cached_files(cache)
    assert found.unused == "its checkpoint is gone"


def test_info(folder: Path) -> None:
    result = CliRunner().invoke(app, ["info", "--json", "--model", str(folder / "exact.gguf")])
    facts = json.loads(result.output)
    assert facts["model"] == "exact"
    assert facts["layout"] == "GGUF of llama.cpp, nothing fused"
