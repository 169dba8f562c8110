"""GGUF files that are damaged or made to harm end in one line, before anything is made of what they claim."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import gguf as published
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from gptoss.errors import CheckpointError
from gptoss.files import gguf_values
from gptoss.files.gguf import MAX_HEADER_BYTES, GgufFile, is_gguf
from gptoss.files.gguf_parts import open_parts
from gptoss.files.gguf_types import TYPES
from tests.files.gguf_bytes import (
    BOOL,
    F32,
    LIST,
    TEXT,
    U32,
    U64,
    entry,
    gguf,
    tensor,
    text,
    texts,
    u32,
    u64,
)
from tests.files.mutations import mutated
from tests.levels import examples

HUGE = 2**64 - 1
VALUES = np.arange(64, dtype=np.float32)
# Two tensors of F32, 32 values each: 128 bytes, so that the second begins where the first ends.
PAIR = (tensor("a", [32], 0, 0), tensor("b", [16, 2], 0, 128))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes) -> str:
    """The message of the error, which must be one short line."""
    path = written(folder, content)
    with pytest.raises(CheckpointError) as caught:
        GgufFile(path)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    assert str(path) in message
    return message


def of_library(path: Path) -> None:
    writer = published.GGUFWriter(path, "gpt-oss")
    writer.add_uint32("some.number", 7)
    writer.add_float32("some.float", 1e-5)
    writer.add_bool("some.truth", True)
    writer.add_int64("some.long", -(2**40))
    writer.add_array("some.texts", ["a", "", "\u00e4\u20ac"])
    writer.add_array("some.numbers", [1, -2, 3])
    writer.add_array("some.truths", [True, False])
    writer.add_tensor("a", VALUES[:33])
    writer.add_tensor("b", VALUES.reshape(4, 16).astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class TestReading:
    def test_what_the_published_library_writes(self, tmp_path: Path) -> None:
        of_library(tmp_path / "model.gguf")
        file = GgufFile(tmp_path / "model.gguf")
        plain = {k: v for k, v in file.metadata.items() if not isinstance(v, gguf_values.ListValue)}
        assert plain == {
            "general.architecture": "gpt-oss",
            "some.number": 7,
            # Not 9.999999747378752e-06, which is the same float32.
            "some.float": 1e-5,
            "some.truth": True,
            "some.long": -(2**40),
        }
        assert file.texts("some.texts") == ["a", "", "\u00e4\u20ac"]
        assert file.integers("some.numbers") == [1, -2, 3]
        assert file.bools("some.truths") == [True, False]
        assert file.texts("some.other") is None
        np.testing.assert_array_equal(file.read("a").view("<f4"), VALUES[:33])
        assert file.tensors["b"].shape == (4, 16)
        np.testing.assert_array_equal(file.read("b").view("<f2"), VALUES.reshape(4, 16))

    @pytest.mark.parametrize("version", [2, 3])
    def test_versions(self, tmp_path: Path, version: int) -> None:
        path = written(tmp_path, gguf((), PAIR, VALUES.tobytes(), version=u32(version)))
        file = GgufFile(path)
        np.testing.assert_array_equal(file.read("b").view("<f4"), VALUES[32:].reshape(2, 16))
        assert is_gguf(path)

    def test_alignment_of_the_file(self, tmp_path: Path) -> None:
        aligned = entry("general.alignment", U32, u32(8))
        tensors = (tensor("a", [2], 0, 8), tensor("b", [1], 0, 0))
        file = GgufFile(written(tmp_path, gguf([aligned], tensors, bytes(16), alignment=8)))
        assert file.tensors["a"].start == file.tensors["b"].start + 8

    def test_sizes_of_all_types(self) -> None:
        """The library's table, but for types that came after and the one that is Ollama's alone."""
        known = {int(kind): sizes for kind, sizes in published.GGML_QUANT_SIZES.items()}
        for number, kind in TYPES.items():
            if number != 4:
                assert known[number] == (kind.num_values, kind.num_bytes)
                assert published.GGMLQuantizationType(number).name == kind.name
        assert 4 not in known

    def test_lists_asked_for_as_another_kind(self, tmp_path: Path) -> None:
        content = gguf([texts("t", ["a"]), entry("n", U32, u32(3))])
        file = GgufFile(written(tmp_path, content))
        for ask in (file.integers, file.bools):
            with pytest.raises(CheckpointError, match="metadata 't' is no list of"):
                ask("t")
        with pytest.raises(CheckpointError, match="metadata 'n' is 3, wanted a list"):
            file.texts("n")


class TestHostile:
    @pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + bytes(19)])
    def test_too_short(self, tmp_path: Path, content: bytes) -> None:
        refusal(tmp_path, content)
        assert is_gguf(tmp_path / "model.gguf") == content.startswith(b"GGUF")

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (gguf(magic=b"GGML"), "begins with"),
            (gguf(magic=b"FUGG"), "begins with"),
            (gguf(version=u32(1)), "of version 1"),
            (gguf(version=u32(4)), "of version 4"),
            (gguf(version=struct.pack(">I", 3)), "big-endian"),
            (gguf(num_tensors=HUGE), f"claims {HUGE} tensors"),
            (gguf(num_entries=HUGE), f"claims {HUGE} metadata entries"),
            (gguf(num_tensors=60000), "more than its"),
            (gguf(num_entries=60000), "more than its"),
            (gguf([text("k", HUGE)], num_entries=1), f"claims {HUGE} bytes"),
            (gguf([text("k", 200) + bytes(10)], num_entries=1), "ends inside a metadata key"),
            (gguf([text(b"\xff\xfe") + bytes(20)]), "not UTF-8"),
            (gguf([entry("k", 13, bytes(20))]), "unknown kind 13"),
            (gguf([entry("k", HUGE % 2**32, bytes(20))]), "unknown kind"),
            (gguf([entry("k", BOOL, b"\x02")]), "truth value 2"),
            (gguf([entry("k", TEXT, u64(HUGE))]), f"claims {HUGE} bytes"),
            (gguf([entry("k", TEXT, u64(1 << 20))]), "ends inside"),
            (gguf([entry("k", U64, b"")], alignment=1), "ends inside"),
            (gguf([entry("k", LIST, u32(LIST) + u64(1))]), "list of lists"),
            (gguf([entry("k", LIST, u32(99) + u64(1))]), "list of the unknown kind 99"),
            (gguf([entry("k", LIST, u32(F32) + u64(HUGE))]), f"claims {HUGE} values"),
            (gguf([entry("k", LIST, u32(TEXT) + u64(HUGE))]), f"claims {HUGE} texts"),
            (gguf([entry("k", LIST, u32(TEXT) + u64(1) + u64(HUGE))]), "ends inside"),
            (gguf([entry("k", LIST, u32(TEXT) + u64(2) + u64(HUGE)) + bytes(9)]), "ends inside"),
            (gguf([entry("k", U32, u32(1))] * 2), "'k' occurs twice"),
            (gguf((), [PAIR[0], PAIR[0]], VALUES.tobytes()), "'a' occurs twice"),
            (gguf((), [tensor("a" * 129, [1], 0, 0)], bytes(4)), "claims 129 bytes"),
            (gguf((), [tensor("a", [], 0, 0) + bytes(8)]), "has 0 dimensions"),
            (gguf((), [tensor("a", [1] * 5, 0, 0)], bytes(4)), "has 5 dimensions"),
            (gguf((), [tensor("a", [0], 0, 0)]), "wanted sizes from 1"),
            (gguf((), [tensor("a", [HUGE], 0, 0)]), "wanted sizes from 1"),
            (gguf((), [tensor("a", [2**62] * 4, 0, 0)]), "truncated"),
            (gguf((), [tensor("a", [32], 5, 0)], bytes(64)), "unknown type 5"),
            (gguf((), [tensor("a", [33], 39, 0)], bytes(64)), "multiple of the 32"),
            (gguf((), [tensor("a", [128], 12, 0)], bytes(256)), "multiple of the 256"),
            (gguf((), [tensor("a", [1], 0, 8)], bytes(64)), "multiple of 32 bytes"),
            (gguf((), [tensor("a", [1], 0, HUGE - 31)], bytes(64)), "gap"),
            (gguf((), [tensor("a", [1], 0, 32)], bytes(64)), "gap"),
            (gguf((), [PAIR[0], tensor("b", [1], 0, 96)], VALUES.tobytes()), "overlaps"),
            (gguf((), [PAIR[0], tensor("b", [1], 0, 160)], VALUES.tobytes()), "gap"),
            (gguf((), PAIR, VALUES.tobytes()[:-1]), "truncated"),
            (gguf((), PAIR, VALUES.tobytes() + bytes(1)), "belong to no tensor"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_refused(self, tmp_path: Path, content: bytes, reason: str) -> None:
        assert reason in refusal(tmp_path, content)

    @pytest.mark.parametrize(
        "value",
        [
            *((U32, u32(size)) for size in (0, 4, 24, 33, 1 << 17, 2**32 - 1)),
            (TEXT, text("32")),
            (BOOL, b"\x01"),
        ],
    )
    def test_alignments(self, tmp_path: Path, value: tuple[int, bytes]) -> None:
        content = gguf([entry("general.alignment", *value)], PAIR, VALUES.tobytes())
        assert "wanted a power of two" in refusal(tmp_path, content)

    def test_cut_anywhere(self, tmp_path: Path) -> None:
        content = gguf(
            [texts("t", ["abc", "de"]), entry("n", F32, bytes(4))], PAIR, VALUES.tobytes()
        )
        GgufFile(written(tmp_path, content))
        for length in range(0, len(content), 3):
            refusal(tmp_path, content[:length])

    def test_more_texts_than_any_vocabulary(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gguf_values, "MAX_TEXTS", 10)
        GgufFile(written(tmp_path, gguf([texts("a", ["x"] * 5), texts("b", ["x"] * 5)])))
        content = gguf([texts("a", ["x"] * 5), texts("b", ["x"] * 6)])
        assert "more than 10 texts" in refusal(tmp_path, content)

    def test_a_header_without_end(self, tmp_path: Path) -> None:
        """A sparse file costs its maker nothing, and its reader no memory."""
        claimed = MAX_HEADER_BYTES
        path = written(tmp_path, gguf([entry("k", LIST, u32(0) + u64(claimed))]))
        os.truncate(path, 1 << 40)
        tracemalloc.start()
        try:
            with pytest.raises(CheckpointError, match=f"claims {claimed} values"):
                GgufFile(path)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("kind", ["missing", "FIFO", "folder", "device", "dangling link"])
    def test_what_is_no_file_is_not_waited_for(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "model.gguf"
        match kind:
            case "FIFO":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "device":
                path.symlink_to("/dev/zero")
            case "dangling link":
                path.symlink_to("nothing")
        with pytest.raises(CheckpointError, match="wanted a GGUF file"):
            GgufFile(path)

    def test_links_are_followed(self, tmp_path: Path) -> None:
        """Folders of downloaded models often consist of nothing else."""
        written(tmp_path, gguf((), PAIR, VALUES.tobytes()))
        (tmp_path / "link.gguf").symlink_to("model.gguf")
        assert set(GgufFile(tmp_path / "link.gguf").tensors) == {"a", "b"}


def part(number: int, count: int, tensors: int, name: str) -> bytes:
    entries = [
        entry("split.no", 2, struct.pack("<H", number)),
        entry("split.count", 2, struct.pack("<H", count)),
        entry("split.tensors.count", 5, struct.pack("<i", tensors)),
    ]
    return gguf(entries, [tensor(name, [1], 0, 0)], bytes(4))


class TestParts:
    def write(self, folder: Path, *, count: int = 3) -> list[Path]:
        paths = [folder / f"m-{n:05}-of-{count:05}.gguf" for n in range(1, count + 1)]
        for number, path in enumerate(paths):
            path.write_bytes(part(number, count, count, f"t{number}"))
        return paths

    def test_whichever_is_named(self, tmp_path: Path) -> None:
        paths = self.write(tmp_path)
        for path in paths:
            assert [file.path for file in open_parts(path)] == paths

    def test_a_file_of_its_own(self, tmp_path: Path) -> None:
        path = written(tmp_path, gguf((), PAIR, VALUES.tobytes()))
        assert [file.path for file in open_parts(path)] == [path]

    def test_merged_again(self, tmp_path: Path) -> None:
        path = written(tmp_path, part(0, 0, 1, "t"))
        assert [file.path for file in open_parts(path)] == [path]

    def test_one_is_missing(self, tmp_path: Path) -> None:
        paths = self.write(tmp_path)
        paths[1].unlink()
        with pytest.raises(CheckpointError, match="lacks 1 of 3 files of 'm'"):
            open_parts(paths[0])

    def test_renamed(self, tmp_path: Path) -> None:
        paths = self.write(tmp_path)
        alone = paths[1].rename(tmp_path / "alone.gguf")
        with pytest.raises(CheckpointError, match="says that it is part 2 of 3, wanted 1 of 1"):
            open_parts(alone)
        alone.rename(paths[1])
        swapped = paths[0].rename(tmp_path / "x")
        paths[2].rename(paths[0])
        swapped.rename(paths[2])
        with pytest.raises(CheckpointError, match="says that it is part 3 of 3, wanted 1 of 3"):
            open_parts(paths[0])

    def test_not_all_tensors(self, tmp_path: Path) -> None:
        paths = self.write(tmp_path)
        paths[0].write_bytes(part(0, 3, 4, "t0"))
        with pytest.raises(CheckpointError, match="announces 4 tensors in 3 files, which hold 3"):
            open_parts(paths[0])

    @pytest.mark.parametrize("name", ["m-00000-of-00002.gguf", "m-00003-of-00002.gguf"])
    def test_numbers_out_of_range(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(CheckpointError, match="the names that they were published with"):
            open_parts(tmp_path / name)


SOUND = gguf(
    [
        texts("t", ["abc", "de"]),
        entry("n", F32, struct.pack("<f", 2.5)),
        entry("b", BOOL, b"\x01"),
        entry("l", LIST, u32(U32) + u64(3) + u32(1) * 3),
        entry("general.alignment", U32, u32(32)),
    ],
    PAIR,
    VALUES.tobytes(),
)


def message_of(call: Callable[[], object]) -> str:
    """What a call is refused with; nothing if it is not. Another exception is the test's failure."""
    try:
        call()
    except CheckpointError as error:
        return str(error)
    return ""


@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=mutated(SOUND))
def test_any_damage(content: bytes, tmp_path: Path) -> None:
    """A clean error, or a file whose every tensor and list can be read or is refused."""
    path = written(tmp_path, content)
    refused = message_of(lambda: GgufFile(path))
    if not refused:
        file = GgufFile(path)
        for name, found in file.tensors.items():
            assert file.read(name).nbytes == found.num_bytes
        for key in file.metadata:
            for ask in (file.texts, file.integers, file.bools):
                assert message_of(partial(ask, key)).isprintable()
    assert refused.isprintable()
