"""A doctor on what weights are: values, and hashes against those that were published."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gptoss.runtime.doctor import Level, weights
from tests.doctor.models import (
    CONFIG,
    SHARDS,
    Arrays,
    found_in,
    make_model,
    one_wrong,
    poisoned,
    publish,
    wrong_with,
)
from tests.model.gguf_model import write_gguf
from tests.model.random_model import RandomModel

COMMIT = "1" * 40
NAN, INFINITY = 0x7FC0, 0xFF80
LAYER = "model.layers.1."


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model.norm.weight", NAN, "1 value that is no number"),
        ("lm_head.weight", INFINITY, "1 value that is no number"),
        (f"{LAYER}self_attn.sinks", NAN, "1 value that is no number"),
        (f"{LAYER}self_attn.q_proj.bias", INFINITY, "1 value that is no number"),
        (f"{LAYER}mlp.experts.down_proj_scales", 255, "1 scale above 232"),
        (f"{LAYER}mlp.experts.gate_up_proj_scales", 233, "1 scale above 232"),
    ],
)
def test_values_that_no_model_has(tmp_path: Path, name: str, value: int, said: str) -> None:
    finding = one_wrong(make_model(tmp_path / "small", poisoned(name, value)))
    assert (finding.level, finding.name) == (Level.ERROR, "values")
    assert f"{name} has {said}" in finding.said
    assert finding.said.startswith("model-0000")


@pytest.mark.parametrize("name", [f"{LAYER}mlp.experts.down_proj_scales", "model.norm.weight"])
def test_the_largest_that_a_model_may_have(tmp_path: Path, name: str) -> None:
    value = 232 if name.endswith("scales") else 0x7F7F
    assert wrong_with(make_model(tmp_path / "small", poisoned(name, value))) == []


def zeroed(name: str) -> object:
    def change(arrays: Arrays) -> None:
        kind, array = arrays[name]
        arrays[name] = (kind, np.zeros_like(array))

    return change


@pytest.mark.parametrize(
    ("part", "is_wrong"),
    [
        ("mlp.experts.down_proj_blocks", True),
        ("self_attn.k_proj.weight", True),
        ("input_layernorm.weight", True),
        ("self_attn.k_proj.bias", False),
        ("mlp.experts.down_proj_bias", False),
        ("self_attn.sinks", False),
    ],
)
def test_tensors_of_zeros(tmp_path: Path, part: str, is_wrong: bool) -> None:
    model = make_model(tmp_path / "small", zeroed(f"{LAYER}{part}"))  # type: ignore[arg-type]
    found = wrong_with(model)
    assert [each.level for each in found] == [Level.WARNING] * is_wrong
    assert all(f"{LAYER}{part} is all zeros" in each.said for each in found)


def test_pieces_of_any_size_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_PIECE", 7)
    model = make_model(tmp_path / "small", poisoned("lm_head.weight", NAN))
    publish(model)
    finding = one_wrong(model)
    assert "lm_head.weight has 1 value" in finding.said


def test_many_faults_are_said_once(tmp_path: Path) -> None:
    def spoil(arrays: Arrays) -> None:
        for name in list(arrays):
            if name.endswith("bias"):
                poisoned(name, NAN)(arrays)

    found = wrong_with(make_model(tmp_path / "small", spoil))
    assert len(found) == 6
    assert found[-1].said.startswith("and ")


@pytest.mark.parametrize(("name", "said"), [("output_norm.weight", "values"), ("down", "scale")])
def test_values_of_gguf(model: Path, name: str, said: str) -> None:
    def spoil(tensors: dict[str, np.ndarray]) -> None:  # type: ignore[type-arg]
        if name == "down":
            tensors["blk.1.ffn_down_exps.weight"][0, 1, 0] = 255
        else:
            tensors[name] = np.full_like(tensors[name], np.nan)

    path = write_gguf(RandomModel.of(CONFIG, 0), model / "small.gguf", tensors=spoil)
    found = [each for each in found_in(path) if each.level is Level.ERROR]
    (finding,) = found
    assert finding.name == "values"
    assert said in finding.said


def test_reading_is_watched_and_left_out(model: Path) -> None:
    heard: list[tuple[int, int]] = []
    found_in(model, on_reading=lambda done, total: heard.append((done, total)))
    size = sum((model / name).stat().st_size for name in SHARDS)
    assert heard[-1] == (size, size)
    assert heard == sorted(heard)
    heard.clear()
    (skipped,) = wrong_with(
        model, quick=True, on_reading=lambda done, total: heard.append((done, total))
    )
    assert heard == []
    assert "without --quick" in skipped.said


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_mirrors_manifest(model: Path) -> None:
    publish(model)
    flip(model / SHARDS[0], -3)
    finding = one_wrong(model)
    assert (finding.level, finding.group, finding.name) == (Level.ERROR, "weights", "hashes")
    assert finding.said.startswith(f"{SHARDS[0]} is not the file that was published: got the hash ")
    flip(model / SHARDS[0], -3)
    # Small files are looked at always.
    flip(model / "chat_template.jinja", 5)
    found = wrong_with(model, quick=True)
    assert [each.name for each in found] == ["hashes", "template", "values"]
    (model / "manifest.json").write_text("{}")
    assert any("has the format" in each.said for each in wrong_with(model))


@pytest.mark.parametrize(
    "name", ["generation_config.json", "tokenizer_config.json", "chat_template.jinja"]
)
def test_a_small_file_that_is_none(model: Path, name: str) -> None:
    """gptoss runs without these, and other programs do not."""
    path = model / name
    path.write_bytes(path.read_bytes() if path.exists() else b"{}")
    publish(model)
    path.unlink()
    plants: dict[str, Callable[[], object]] = {
        "is missing, and was published": lambda: None,
        "leads nowhere": lambda: path.symlink_to("nowhere"),
        "is a folder": path.mkdir,
        "is a FIFO": lambda: os.mkfifo(path),
        "is a device": lambda: path.symlink_to("/dev/zero"),
    }
    for said, plant in plants.items():
        plant()
        found = [each for each in wrong_with(model) if each.name == "hashes"]
        assert [each.level for each in found] == [Level.WARNING]
        assert found[0].said.startswith(f"{name} {said}: ")
        if os.path.lexists(path):
            path.rmdir() if path.is_dir() else path.unlink()


def test_another_size_is_said(model: Path) -> None:
    publish(model)
    with (model / "config.json").open("a") as file:
        file.write("\n\n")
    assert "bytes, wanted" in one_wrong(model).said


def test_a_shard_of_another_model(model: Path, tmp_path: Path) -> None:
    """It is whole, and every tensor of it; only its hash tells."""
    publish(model)
    other = make_model(tmp_path / "other", poisoned("lm_head.weight", 0))
    for name in SHARDS:
        shutil.copyfile(other / name, model / name)
    assert one_wrong(model).name == "hashes"


def snapshot_of(model: Path, hub: Path) -> Path:
    """The model as it lies in the hub's cache: links to blobs that are named by their hashes."""
    folder = hub / "models--someone--small"
    snapshot = folder / "snapshots" / COMMIT
    for each in (snapshot, folder / "blobs", folder / "refs"):
        each.mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    for path in model.iterdir():
        data = path.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        if path.suffix != ".safetensors":
            begun = b"blob %d\0" % len(data)
            name = hashlib.sha1(begun + data, usedforsecurity=False).hexdigest()
        (folder / "blobs" / name).write_bytes(data)
        (snapshot / path.name).symlink_to(Path("..", "..", "blobs", name))
    return snapshot


@pytest.fixture
def snapshot(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot_of(model, tmp_path / "hub")


@pytest.mark.parametrize("name", [SHARDS[1], "config.json", "tokenizer.json"])
def test_blobs_of_the_hub(snapshot: Path, name: str) -> None:
    assert wrong_with("someone/small") == []  # type: ignore[arg-type]
    blob = (snapshot / name).resolve()
    # A blank at the end of what both of them read.
    data = blob.read_bytes()
    blob.write_bytes(data[:-1] + (b" " if name.endswith("json") else bytes([data[-1] ^ 1])))
    found = [each for each in wrong_with(snapshot) if each.name == "hashes"]
    (finding,) = found
    assert finding.said.startswith(f"{name} is not the file that was published")
    assert finding.remedy == f"delete {blob}, then `gptoss pull someone/small`"


def test_what_lies_elsewhere_is_not_to_be_deleted(snapshot: Path, tmp_path: Path) -> None:
    """A person's own file, to which a link in the cache leads."""
    blob = (snapshot / SHARDS[0]).resolve()
    mine = tmp_path / "blobs" / blob.name
    mine.parent.mkdir()
    blob.rename(mine)
    mine.write_bytes(bytes(mine.stat().st_size))
    (snapshot / SHARDS[0]).unlink()
    (snapshot / SHARDS[0]).symlink_to(mine)
    remedies = [each.remedy for each in wrong_with(snapshot)]
    assert f"delete {snapshot / SHARDS[0]}, then `gptoss pull someone/small`" in remedies
    assert not any(str(mine) in remedy for remedy in remedies)


def test_a_blob_that_is_gone(snapshot: Path) -> None:
    (snapshot / SHARDS[0]).resolve().unlink()
    finding = wrong_with(snapshot)[0]
    assert finding.said == f"{SHARDS[0]} leads nowhere"
    assert finding.remedy == "`gptoss pull someone/small` fetches it"


def test_another_revision_is_pulled_by_its_commit(snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "hub" / "models--someone--small" / "refs" / "main").write_text("2" * 40)
    (snapshot / SHARDS[0]).resolve().unlink()
    remedy = wrong_with(snapshot)[0].remedy
    assert remedy == f"`gptoss pull someone/small --revision {COMMIT}` fetches it"


def test_what_the_hubs_library_fetched_into_a_folder(model: Path) -> None:
    downloads = model / ".cache" / "huggingface" / "download"
    downloads.mkdir(parents=True)
    sha256 = hashlib.sha256((model / SHARDS[0]).read_bytes()).hexdigest()
    (downloads / f"{SHARDS[0]}.metadata").write_text(f"{COMMIT}\n{sha256}\n1700000000.0\n")
    assert wrong_with(model) == []
    flip(model / SHARDS[0], -3)
    finding = one_wrong(model)
    assert finding.name == "hashes"
    assert "again" in finding.remedy
    (downloads / f"{SHARDS[0]}.metadata").write_bytes(os.urandom(200))
    assert wrong_with(model) == []


def test_a_blob_of_ollamas(model: Path) -> None:
    made = write_gguf(RandomModel.of(CONFIG, 0), model / "small.gguf")
    sha256 = hashlib.sha256(made.read_bytes()).hexdigest()
    blob = Path(shutil.move(made, model / f"sha256-{sha256}"))
    assert [each.name for each in wrong_with(blob)] == ["end tokens"]
    flip(blob, -3)
    found = [each for each in wrong_with(blob) if each.name == "hashes"]
    assert len(found) == 1
