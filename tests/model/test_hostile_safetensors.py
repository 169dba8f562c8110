"""Headers of safetensors files that claim what is not there, and what a header may cost."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from gptoss.errors import CheckpointError, GptossError
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.checkpoint_files import INDEX
from gptoss.model.layouts import PACKED
from gptoss.model.safetensors import MAX_HEADER_BYTES, SafetensorsFile
from tests.model.random_model import SMALL, RandomModel

MODEL = RandomModel.of(SMALL, 0)


def written(folder: Path, text: bytes, values: bytes = b"", length: int | None = None) -> Path:
    path = folder / "x.safetensors"
    claimed = len(text) if length is None else length
    path.write_bytes(claimed.to_bytes(8, "little") + text + values)
    return path


def refusal(path: Path) -> str:
    """The message of the error, which must be one short line."""
    with pytest.raises(CheckpointError) as caught:
        SafetensorsFile(path)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    return message


def two(first: list[object], second: list[object], *, name: str = "b") -> bytes:
    """A header of two tensors of eight bytes, each at its place."""
    places = {"a": first, name: second}
    return json.dumps(
        {n: {"dtype": "U8", "shape": [8], "data_offsets": place} for n, place in places.items()}
    ).encode()


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([0, 8], [0, 8], "overlaps the one before"),
        ([0, 8], [4, 12], "overlaps the one before"),
        ([8, 16], [4, 12], "leaves a gap before it"),
        ([0, 8], [16, 24], "leaves a gap before it"),
        ([8, 16], [16, 24], "leaves a gap before it"),
        ([-8, 0], [0, 8], "wanted begin and end"),
        ([0, 8], [-8, 0], "wanted begin and end"),
        ([0, 8], [2**64 - 8, 2**64], "wanted begin and end"),
        ([0, 8], [2**63 - 9, 2**63 - 1], "leaves a gap before it"),
        ([0, 8], [8.0, 16.0], "wanted begin and end"),
        ([0, 8], ["8", "16"], "wanted begin and end"),
        ([0, 8], [True, 9], "wanted begin and end"),
        ([0, 8], [8, 16, 24], "wanted begin and end"),
        ([0, 8], [8], "wanted begin and end"),
        ([0, 8], [8, 17], "takes 9 bytes, but U8 [8] needs 8"),
    ],
)
def test_places(tmp_path: Path, first: list[object], second: list[object], said: str) -> None:
    assert said in refusal(written(tmp_path, two(first, second), bytes(16)))


def test_tensors_beyond_the_end(tmp_path: Path) -> None:
    assert "truncated" in refusal(written(tmp_path, two([0, 8], [8, 16]), bytes(15)))
    assert "1 bytes at its end" in refusal(written(tmp_path, two([0, 8], [8, 16]), bytes(17)))


@pytest.mark.parametrize("shape", [[2**32, 2**32], [2**63 - 1, 2], [2**61], [2**62, 4]])
def test_sizes_whose_product_wraps(tmp_path: Path, shape: list[int]) -> None:
    """In 64 bits each of them would be nothing, or the eight bytes that are there."""
    entry = {"dtype": "F64", "shape": shape, "data_offsets": [0, 8]}
    assert "needs" in refusal(written(tmp_path, json.dumps({"a": entry}).encode(), bytes(8)))


def test_a_tensor_twice(tmp_path: Path) -> None:
    """In one header, and in two files of a model."""
    text = two([0, 8], [8, 16], name="c").replace(b'"c"', b'"a"')
    assert "the key 'a' occurs twice" in refusal(written(tmp_path, text, bytes(16)))
    folder = MODEL.write(tmp_path / "model", PACKED)
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    (folder / "b.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is in both .*a\.safetensors and b\.safetensors"):
        open_checkpoint(folder)


@pytest.mark.parametrize("length", [MAX_HEADER_BYTES + 1, 100_000_000, 2**32, 2**63, 2**64 - 1])
def test_a_header_that_is_there_and_too_long(tmp_path: Path, length: int) -> None:
    """A sparse file costs its maker nothing; neither its reader."""
    path = written(tmp_path, b'{"a":', length=length)
    os.truncate(path, min(length + 8, 1 << 40))
    tracemalloc.start()
    try:
        assert f"claims {length} bytes, at most {MAX_HEADER_BYTES} go" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


# Each of a megabyte: lists in a shape, metadata, tensors of nothing, names, numbers, a text of escapes.
WORST = {
    "lists": b'{"a":[' + b"[]," * 349_000 + b"[]]}",
    "objects": b'{"a":[' + b"{}," * 349_000 + b"{}]}",
    "numbers": b'{"a":[' + b"9," * 523_000 + b"9]}",
    "long numbers": b'{"a":[' + b"1e9," * 261_000 + b"9]}",
    "metadata": json.dumps({"__metadata__": {f"{n:x}": "" for n in range(90_000)}}).encode(),
    "tensors": json.dumps(
        {f"{n:x}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for n in range(16_000)}
    ).encode(),
    "escapes": b'{"a":"' + b"\\u0000" * 174_000 + b'"}',
    "wide characters": b'{"a":"' + "\U0001f600".encode() * 262_000 + b'"}',
}


@pytest.mark.wide(3)
@pytest.mark.parametrize("name", WORST)
def test_what_a_megabyte_of_header_takes(tmp_path: Path, name: str) -> None:
    """A list of nothing is three bytes of a file, and some seventy of memory: nothing takes a larger multiple."""
    path = written(tmp_path, WORST[name])
    size = path.stat().st_size
    assert 900_000 < size < 1_200_000
    tracemalloc.start()
    try:
        if name in ("metadata", "tensors"):
            SafetensorsFile(path)
        else:
            refusal(path)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < 60 * size, f"{taken / size:.0f} times its size"


class TestLinks:
    """A folder of a hub's cache holds nothing but links, so they are followed, wherever they lead."""

    def test_a_shard_elsewhere(self, tmp_path: Path) -> None:
        away = MODEL.write(tmp_path / "away", PACKED) / "model.safetensors"
        folder = MODEL.write(tmp_path / "model", PACKED)
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors").symlink_to(away)
        np.testing.assert_array_equal(
            open_checkpoint(folder).weights.embedding, MODEL.tensors["embedding", None]
        )

    @pytest.mark.parametrize("text", ["root:secret:0:0:root\n" * 9, "secret"])
    def test_what_is_no_shard_is_not_shown(self, tmp_path: Path, text: str) -> None:
        """A link in a folder that somebody else has packed may lead to any file of this user's."""
        (tmp_path / "private").write_text(text)
        folder = MODEL.write(tmp_path / "model", PACKED)
        for name in ("model.safetensors", "config.json"):
            (folder / name).unlink()
            (folder / name).symlink_to(tmp_path / "private")
            with pytest.raises(GptossError, match=name) as caught:
                open_checkpoint(folder)
            assert "secret" not in str(caught.value)
            (folder / name).unlink()
            MODEL.write(folder, PACKED)

    def test_a_circle(self, tmp_path: Path) -> None:
        folder = MODEL.write(tmp_path / "model", PACKED)
        path = folder / "model.safetensors"
        path.unlink()
        path.symlink_to(path.name)
        with pytest.raises(CheckpointError, match=r"cannot read .*symbolic links"):
            open_checkpoint(folder)

    def test_an_index_cannot_lead_out_of_its_folder(self, tmp_path: Path) -> None:
        folder = MODEL.write(tmp_path / "model", PACKED)
        (folder / "model.safetensors").rename(tmp_path / "out.safetensors")
        whole = str(tmp_path / "out.safetensors")
        for name in ("../out.safetensors", whole, "./../out.safetensors"):
            (folder / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
            with pytest.raises(CheckpointError, match="is not the name of a safetensors file"):
                open_checkpoint(folder)
