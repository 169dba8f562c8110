"""A doctor on weight files: each fault is found, alone, and with what to do about it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from gptoss.model.layouts import BF16, ORIGINAL, PACKED, Layout
from gptoss.model.safetensors_writer import write_arrays
from gptoss.runtime.doctor import Level
from tests.doctor.models import (
    CONFIG,
    INDEX,
    SHARDS,
    change,
    found_in,
    one_wrong,
    publish,
    wrong_with,
)
from tests.model.gguf_model import write_gguf
from tests.model.random_model import RandomModel


def map_of(model: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((model / INDEX).read_text())["weight_map"]
    return found


def test_nothing_is_wrong_with_a_good_model(model: Path) -> None:
    publish(model)
    findings = found_in(model)
    assert {finding.level for finding in findings} == {Level.OK}
    groups = list(dict.fromkeys(finding.group for finding in findings))
    assert groups == ["model", "files", "configuration", "tokenizer", "room", "weights"]


def test_a_shard_that_is_missing(model: Path) -> None:
    (model / SHARDS[1]).unlink()
    finding, *others = wrong_with(model)
    assert (finding.level, finding.name) == (Level.ERROR, "weights")
    assert finding.said == f"{SHARDS[1]} is missing"
    assert "get it again" in finding.remedy
    # What cannot be looked at without it says so, and nothing else is wrong.
    assert {each.level for each in others} == {Level.NOTE}
    assert all("not " in each.said for each in others)


def test_a_shard_that_no_index_tells_of(model: Path) -> None:
    (model / INDEX).unlink()
    shutil.move(model / SHARDS[0], model / "model-00001-of-00003.safetensors")
    shutil.move(model / SHARDS[1], model / "model-00003-of-00003.safetensors")
    finding = wrong_with(model)[0]
    assert finding.said == "model-00002-of-00003.safetensors is missing"


def test_a_link_that_leads_nowhere(model: Path) -> None:
    (model / SHARDS[0]).unlink()
    (model / SHARDS[0]).symlink_to(model / "gone")
    assert wrong_with(model)[0].said == f"{SHARDS[0]} leads nowhere"


def test_a_shard_that_was_cut(model: Path) -> None:
    data = (model / SHARDS[0]).read_bytes()
    (model / SHARDS[0]).write_bytes(data[:-100])
    finding = wrong_with(model)[0]
    assert finding.level is Level.ERROR
    assert "it is truncated" in finding.said
    assert str(model / SHARDS[0]) in finding.said


def test_a_tensor_in_two_files(model: Path) -> None:
    shutil.copyfile(model / SHARDS[0], model / "model-00002-of-00001.safetensors")
    data = json.loads((model / INDEX).read_text())
    name = next(iter(data["weight_map"]))
    data["weight_map"]["more"] = "model-00002-of-00001.safetensors"
    (model / INDEX).write_text(json.dumps(data))
    found = [each for each in wrong_with(model) if each.level is Level.ERROR]
    assert f"'{name}' is in {SHARDS[0]} and in model-00002-of-00001" in found[0].said
    # Of many alike, some are said, and how many more there are.
    assert found[-1].said.startswith("and ")
    assert len(found) == 6
    assert all(each.mending is None for each in wrong_with(model))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong file", "but {0} has it"),
        ("not there", "but no file has it"),
        ("not named", "does not name"),
        ("size", "announces 12 bytes of tensors"),
    ],
)
def test_an_index_that_does_not_agree(model: Path, fault: str, said: str) -> None:
    weight_map = map_of(model)
    name = next(iter(weight_map))
    match fault:
        case "wrong file":
            change(model / INDEX, weight_map={**weight_map, name: SHARDS[1]})
        case "not there":
            change(model / INDEX, weight_map={**weight_map, "lost": SHARDS[1]})
        case "not named":
            del weight_map[name]
            change(model / INDEX, weight_map=weight_map)
        case "size":
            change(model / INDEX, metadata={"total_size": 12})
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.WARNING, "index")
    assert said.format(SHARDS[0]) in finding.said
    assert "--repair" in finding.remedy


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"weight_map": {"a": "../x"}}', b"\xff"])
def test_an_index_that_cannot_be_read(model: Path, content: bytes) -> None:
    (model / INDEX).write_bytes(content)
    finding, *others = wrong_with(model)
    assert (finding.level, finding.name) == (Level.ERROR, "index")
    assert "cannot be read" in finding.said
    assert {each.level for each in others} == {Level.NOTE}


def test_no_index(model: Path) -> None:
    (model / INDEX).unlink()
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.WARNING, "index")
    assert "other programs need it" in finding.said


def test_one_file_needs_none(tmp_path: Path, model: Path) -> None:
    for name in (*SHARDS, INDEX):
        (model / name).unlink()

    write_arrays(model / "model.safetensors", RandomModel.of(CONFIG, 0).named(PACKED))
    assert wrong_with(model) == []
    (model / INDEX).write_text("{}")
    assert "beside it is not" in one_wrong(model).said


def test_pickles_are_refused_by_name(model: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(b"\x80\x02")
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.NOTE, "pickles")
    assert "pytorch_model.bin" in finding.said
    for name in (*SHARDS, INDEX):
        (model / name).unlink()
    refused = wrong_with(model)
    assert any(e.level is Level.ERROR and "pickle" in e.said for e in refused)


def test_unfinished_downloads(model: Path) -> None:
    (model / "model-00002.safetensors.incomplete").write_bytes(b"x")
    folder = model / ".cache" / "huggingface" / "download"
    folder.mkdir(parents=True)
    (folder / "abc.incomplete").write_bytes(b"x")
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.NOTE, "unfinished")
    assert "2 unfinished downloads" in finding.said


def test_a_shape_that_is_not_the_configurations(model: Path) -> None:
    change(model / "config.json", num_local_experts=8)
    finding, room = wrong_with(model)
    assert (finding.level, finding.name) == (Level.ERROR, "tensors")
    assert "by config.json" in finding.said
    assert room.level is Level.NOTE


@pytest.mark.parametrize("layout", [ORIGINAL, BF16], ids=["original", "bf16"])
def test_other_layouts(tmp_path: Path, model: Path, layout: Layout) -> None:
    """With the tokenizer where a published model has it."""
    inner = tmp_path / "other" / ("original" if layout is ORIGINAL else "")
    RandomModel.of(CONFIG, 0).write(inner, layout)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(model / name, tmp_path / "other" / name)
    assert wrong_with(tmp_path / "other") == []
    if layout is ORIGINAL:
        assert wrong_with(inner) == []
        data = (inner / "model.safetensors").read_bytes()
        (inner / "model.safetensors").write_bytes(data[:-1])
        assert wrong_with(tmp_path / "other")[0].name == "weights"


@pytest.mark.parametrize(("beside", "said"), [("", "holds no weights"), ("a.gguf", "GGUF files")])
def test_a_folder_without_weights(model: Path, beside: str, said: str) -> None:
    for name in (*SHARDS, INDEX):
        (model / name).unlink()
    if beside:
        (model / beside).write_bytes(b"GGUF")
    finding, *others = wrong_with(model)
    assert (finding.level, finding.name) == (Level.ERROR, "weights")
    assert said in finding.said
    assert {each.level for each in others} == {Level.NOTE}


def test_a_gguf_file(model: Path) -> None:

    path = write_gguf(RandomModel.of(CONFIG, 0), model / "small.gguf")
    # It names no end of a turn, as none was written.
    finding = one_wrong(path)
    assert (finding.level, finding.name) == (Level.NOTE, "end tokens")
    path.write_bytes(path.read_bytes()[:-40])
    finding, *others = wrong_with(path)
    assert "not a whole GGUF file" in finding.said
    assert finding.level is Level.ERROR
    assert others


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    finding = one_wrong(tmp_path / "nowhere")
    assert (finding.level, finding.group) == (Level.ERROR, "model")
    assert "there is no model" in finding.said


@pytest.mark.parametrize("name", [*SHARDS, INDEX, "config.json", "tokenizer.json"])
def test_a_fifo_or_a_folder_in_a_files_place(model: Path, name: str) -> None:
    """Nothing waits for a writer, and each is said."""
    (model / name).unlink()
    os.mkfifo(model / name)
    assert any(each.level is Level.ERROR for each in wrong_with(model))
    (model / name).unlink()
    (model / name).mkdir()
    assert any(each.level is Level.ERROR for each in wrong_with(model))
