"""GGUF files that are written here, against the published writer and reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from gptoss.files.gguf import GgufFile
from gptoss.files.gguf_types import NUMBERS_OF_TYPES, TYPES
from gptoss.files.gguf_writer import MetadataValue, TensorToWrite, header_of, write_gguf

RANDOM = np.random.default_rng(2)
METADATA: dict[str, MetadataValue] = {
    "general.architecture": "gpt-oss",
    "a.count": 7,
    "a.most": 2**32 - 1,
    "a.share": 0.1,
    "a.flag": True,
    "a.no": False,
    "a.text": "é\n\U0001f600",
    "a.empty": "",
    "a.texts": ["x", "", "Ġy"],
    "a.numbers": [1, -2, 3],
}
VALUES: dict[str, tuple[int, NDArray[Any]]] = {
    "vector": (0, RANDOM.standard_normal(5).astype(np.float32)),
    "matrix": (30, RANDOM.integers(0, 2**16, (3, 7), dtype=np.uint16)),
    "experts": (39, RANDOM.integers(0, 256, (2, 3, 2 * 17), dtype=np.uint8)),
    "one": (0, np.ones(1, np.float32)),
}
SHAPES = {"vector": (5,), "matrix": (3, 7), "experts": (2, 3, 64), "one": (1,)}
TENSORS = [TensorToWrite(name, TYPES[number], SHAPES[name]) for name, (number, _) in VALUES.items()]


def write(path: Path, parts: int = 1) -> Path:
    """All of the above, each tensor's values in so many pieces."""

    def values(tensor: TensorToWrite) -> list[NDArray[Any]]:
        found = VALUES[tensor.name][1]
        return np.array_split(found, parts) if found.ndim == 1 else [*found]

    write_gguf(path, header_of(METADATA, TENSORS), TENSORS, values)
    return path


def published(path: Path) -> Path:
    """The same by the published writer."""
    writer = gguf.GGUFWriter(path, "gpt-oss")
    writer.add_uint32("a.count", 7)
    writer.add_uint32("a.most", 2**32 - 1)
    writer.add_float32("a.share", 0.1)
    writer.add_bool("a.flag", True)
    writer.add_bool("a.no", False)
    writer.add_string("a.text", "é\n\U0001f600")
    # Its add_string leaves out empty texts.
    writer.add_key_value("a.empty", "", gguf.GGUFValueType.STRING)
    writer.add_array("a.texts", ["x", "", "Ġy"])
    writer.add_array("a.numbers", [1, -2, 3])
    for name, (number, values) in VALUES.items():
        raw = values.view(np.uint8) if number == 30 else values
        writer.add_tensor(name, raw, raw_dtype=Type(number))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("parts", [1, 3, 9])
def test_the_bytes_are_those_of_the_published_writer(tmp_path: Path, parts: int) -> None:
    written = write(tmp_path / "a.gguf", parts).read_bytes()
    assert written == published(tmp_path / "b.gguf").read_bytes()


def test_our_reader_and_the_published_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gguf")
    file, reader = GgufFile(path), gguf.GGUFReader(path)
    for key, value in METADATA.items():
        if key == "a.texts":
            assert file.texts(key) == value
        elif key == "a.numbers":
            assert file.integers(key) == value
        else:
            assert file.metadata[key] == value
        assert reader.fields[key].contents() == pytest.approx(value)
    assert [tensor.name for tensor in reader.tensors] == list(VALUES)
    for tensor in reader.tensors:
        number, values = VALUES[tensor.name]
        assert tensor.tensor_type == number
        assert file.tensors[tensor.name].shape == SHAPES[tensor.name]
        assert file.read(tensor.name).tobytes() == values.tobytes() == tensor.data.tobytes()


def test_every_type_has_its_number() -> None:
    assert {number: TYPES[number] for number in NUMBERS_OF_TYPES.values()} == dict(TYPES)


@pytest.mark.parametrize("given", [5, 7])
def test_other_than_what_was_announced(tmp_path: Path, given: int) -> None:
    tensors = [TensorToWrite("x", TYPES[0], (6,))]
    header = header_of({}, tensors)
    with pytest.raises(ValueError, match=f"x: {4 * given} of 24 bytes given"):
        write_gguf(tmp_path / "a.gguf", header, tensors, lambda _: [np.ones(given, np.float32)])
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        write(path)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]
