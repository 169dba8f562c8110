"""The cache file of packed weights: made once, refused when it does not fit, never half-written."""

from __future__ import annotations

import errno
import json
import os
import random
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gptoss
from gptoss.errors import CheckpointError, OutputError
from gptoss.kernels import Backend
from gptoss.model import packed_file, safetensors_writer
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.layouts import PACKED
from gptoss.model.packed_file import PackedFile
from gptoss.model.packing import Packing, WeightType
from gptoss.runtime import packed_weights
from gptoss.runtime.packed_weights import cache_directory
from tests.model.random_model import SMALL, RandomModel


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return RandomModel.of(SMALL, 3).write(tmp_path / "model", PACKED)


def prepare(
    directory: Path, cache: Path, weight_type: WeightType = WeightType.INT8
) -> tuple[PackedFile, Packing]:
    checkpoint = open_checkpoint(directory)
    packing = Packing(checkpoint.config, checkpoint.weights, weight_type, Backend())
    return PackedFile(cache, checkpoint, weight_type), packing


@pytest.mark.parametrize("weight_type", WeightType)
def test_a_file_holds_what_memory_would(
    directory: Path, tmp_path: Path, weight_type: WeightType
) -> None:
    file, packing = prepare(directory, tmp_path / "cache", weight_type)
    assert file.open(packing) is None
    done: list[int] = []
    file.write(packing, done.append)
    assert sum(done) == packing.num_bytes
    arrays = file.open(packing)
    assert arrays is not None
    for name, wanted in packing.in_memory().items():
        np.testing.assert_array_equal(arrays[name], wanted)
        # Kernels load whole vectors.
        assert arrays[name].ctypes.data % 32 == 0


def test_other_weights_have_another_file(directory: Path, tmp_path: Path) -> None:
    file, packing = prepare(directory, tmp_path)
    file.write(packing, lambda _: None)
    other = RandomModel.of(SMALL, 4).write(tmp_path / "other" / "model", PACKED)
    assert prepare(other, tmp_path)[0].path != file.path
    assert prepare(directory, tmp_path, WeightType.STORED)[0].path != file.path
    # The same shapes and sizes, one value changed.
    weights = next(directory.glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert prepare(directory, tmp_path)[0].path != file.path


def test_a_file_of_other_weights_or_version_is_refused(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, packing = prepare(directory, tmp_path)
    stored, stored_packing = prepare(directory, tmp_path, WeightType.STORED)
    stored.write(stored_packing, lambda _: None)
    stored.path.rename(file.path)
    with pytest.raises(CheckpointError, match="made of other weights or by another version"):
        file.open(packing)
    file.write(packing, lambda _: None)
    monkeypatch.setattr(packed_file, "VERSION", "0")
    old, _ = prepare(directory, tmp_path)
    file.path.rename(old.path)
    with pytest.raises(CheckpointError, match="another version"):
        old.open(packing)


def test_a_damaged_file_is_refused(directory: Path, tmp_path: Path) -> None:
    file, packing = prepare(directory, tmp_path)
    file.write(packing, lambda _: None)
    content = file.path.read_bytes()
    file.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="truncated"):
        file.open(packing)


def test_a_full_disk_leaves_nothing_behind(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    file, packing = prepare(directory, cache)
    made = packing.make
    calls = 0

    def fail_on_the_way(name: str) -> Iterator[Any]:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return made(name)

    monkeypatch.setattr(packing, "make", fail_on_the_way)
    with pytest.raises(OutputError, match="No space left on device"):
        file.write(packing, lambda _: None)
    assert not list(cache.iterdir())
    monkeypatch.setattr(packed_file, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(OutputError, match=r"its disk has .* free, wanted"):
        file.write(packing, lambda _: None)


@pytest.mark.parametrize("byte", [233, 255])
def test_scales_that_no_weights_have_are_refused(tmp_path: Path, byte: int) -> None:
    model = RandomModel.of(SMALL, 5)
    model.tensors["down.scales", 1][2, 7, 0] = byte
    _, packing = prepare(model.write(tmp_path / "model", PACKED), tmp_path)
    with pytest.raises(CheckpointError, match=rf"layer1\.down of expert 2 .*byte {byte}"):
        packing.in_memory()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = RandomModel.of(SMALL, 6)
    model.tensors["output.weight", 1][3, 5] = 0x7FC0
    directory = model.write(tmp_path / "model", PACKED)
    with pytest.raises(CheckpointError, match=r"layer1\.output has weights that are not finite"):
        prepare(directory, tmp_path)[1].in_memory()
    # As stored they stay what they are.
    prepare(directory, tmp_path, WeightType.STORED)[1].in_memory()


def test_loading_makes_the_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)
    heard: list[tuple[int, int]] = []
    ids = list(range(40))
    options = {"weights_cache": tmp_path, "on_packing": lambda *at: heard.append(at)}
    first = gptoss.load("nano", **options).logits(ids)  # type: ignore[arg-type]
    assert heard[-1][0] == heard[-1][1] > 0
    (made,) = tmp_path.iterdir()
    heard.clear()
    again = gptoss.load("nano", **options).logits(ids)  # type: ignore[arg-type]
    assert not heard
    assert list(tmp_path.iterdir()) == [made]
    monkeypatch.setattr(packed_weights, "SMALL_BYTES", 1 << 40)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, gptoss.load("nano").logits(ids))


class TestDamage:
    """A cache that cannot be used costs a line and is made anew; it never ends the start."""

    @pytest.fixture(autouse=True)
    def always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)

    @pytest.fixture
    def made(self, tmp_path: Path) -> Path:
        with gptoss.load("nano", weights_cache=tmp_path / "cache"):
            pass
        (path,) = (tmp_path / "cache").iterdir()
        return path

    def require_made_anew(self, path: Path, was: bytes) -> None:
        with pytest.warns(UserWarning, match="is not used: .*; it was made anew") as caught:
            gptoss.load("nano", weights_cache=path.parent).close()
        assert len(caught) == 1
        assert str(caught[0].message).isprintable()
        assert list(path.parent.iterdir()) == [path]
        assert stat.S_ISREG(path.lstat().st_mode)
        assert path.read_bytes() == was

    @pytest.mark.parametrize("kept", [0, 7, 8, 100, -1])
    def test_cut_short(self, made: Path, kept: int) -> None:
        was = made.read_bytes()
        made.write_bytes(was[:kept])
        self.require_made_anew(made, was)

    @pytest.mark.parametrize("kind", ["link", "dangling link", "FIFO"])
    def test_what_is_no_file(self, made: Path, kind: str, tmp_path: Path) -> None:
        away, was = tmp_path / "away", made.read_bytes()
        made.rename(away)
        if kind == "FIFO":
            os.mkfifo(made)
        else:
            made.symlink_to(away if kind == "link" else tmp_path / "nothing")
        self.require_made_anew(made, was)
        # Not even the same content is taken, or written, through a link.
        assert away.read_bytes() == was

    @pytest.mark.parametrize("mode", [0o664, 0o646])
    def test_what_others_may_write(self, made: Path, mode: int) -> None:
        was = made.read_bytes()
        made.chmod(mode)
        self.require_made_anew(made, was)

    def test_what_another_user_made(self, made: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can give files away")
        was = made.read_bytes()
        os.chown(made, 1234, -1)
        self.require_made_anew(made, was)

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    def test_nobody_else_may_write_to_it(self, tmp_path: Path, umask: int) -> None:
        before = os.umask(umask)
        try:
            for _ in range(2):
                gptoss.load("nano", weights_cache=tmp_path).close()
        finally:
            os.umask(before)
        (path,) = tmp_path.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~umask

    def test_a_folder_in_its_place(self, made: Path) -> None:
        made.unlink()
        made.mkdir()
        with pytest.warns(UserWarning, match=r"it is a folder.*laid out in memory") as caught:
            gptoss.load("nano", weights_cache=made.parent).close()
        assert len(caught) == 1

    def test_gone_as_soon_as_it_was_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PackedFile, "open", lambda *_: None)
        with pytest.warns(UserWarning, match="has gone again .* laid out in memory"):
            gptoss.load("nano", weights_cache=tmp_path).close()

    def test_any_bytes_of_its_header_changed(self, directory: Path, tmp_path: Path) -> None:
        """Refused, or the same tensors as before; the values themselves are not looked at."""
        file, packing = prepare(directory, tmp_path / "cache")
        file.write(packing, lambda _: None)
        content = file.path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        chance = random.Random(11)
        refused = 0
        for _ in range(300):
            changed = bytearray(content)
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(end)] = chance.choice(b'{}[]",:0123456789-e \xff')
            file.path.write_bytes(changed)
            try:
                arrays = file.open(packing)
            except CheckpointError:
                refused += 1
                continue
            assert arrays is not None
            wanted = {spec.name: spec.shape for spec in packing.specs}
            assert {name: array.shape for name, array in arrays.items()} == wanted
        assert refused > 200


def test_loading_without_a_place_for_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.warns(UserWarning, match="laid out in memory at every start"):
        logits = gptoss.load("nano", weights_cache=blocked).logits([1, 2, 3])
    np.testing.assert_array_equal(
        logits, gptoss.load("nano", weights_cache=tmp_path).logits([1, 2, 3])
    )
    monkeypatch.setattr(packed_weights, "available_memory", lambda: 1000)
    with pytest.raises(OutputError, match="name a folder on a larger disk with --weights-cache"):
        gptoss.load("nano", weights_cache=blocked)


def test_where_files_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GPTOSS_WEIGHTS_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("GPTOSS_WEIGHTS_CACHE")
    monkeypatch.setenv("GPTOSS_CACHE", str(tmp_path / "old"))
    with pytest.warns(UserWarning, match="GPTOSS_CACHE is called GPTOSS_WEIGHTS_CACHE now"):
        assert cache_directory() == tmp_path / "old"
    monkeypatch.delenv("GPTOSS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "gptoss"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)
    for name in ("GPTOSS_WEIGHTS_CACHE", "GPTOSS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", none)
    with pytest.warns(UserWarning, match="got no home of this user .*laid out in memory"):
        gptoss.load("nano").close()


def test_values_begin_at_cache_lines(tmp_path: Path) -> None:
    for count in range(1, 9):
        path = tmp_path / f"{count}.safetensors"
        array = np.zeros(64, np.uint8)
        safetensors_writer.write_arrays(path, {"x" * count: ("U8", array)})
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        assert (8 + length) % 64 == 0
        assert json.loads(content[8 : 8 + length])


def test_memory_that_cannot_be_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def mlock(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(packed_file, "_libc", Refusing)
    with pytest.raises(OutputError, match=r"cannot lock .* MB of weights .* leave --lock out"):
        gptoss.load("nano", lock=True)
