"""Kept prefixes and packed weights that are not this model's, or that somebody else could have put there."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gptoss.engine.prefix_cache import PrefixCache
from gptoss.engine.prefix_file import PrefixFile
from gptoss.errors import CheckpointError, PrefixFileError
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import LayerType
from gptoss.model.kv_cache import KVCache
from gptoss.model.layouts import PACKED
from gptoss.model.packed_file import PackedFile
from gptoss.model.packing import Packing, WeightType
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.precision import CacheType
from tests.model.random_model import SMALL, RandomModel

# A file, and what reads it: a cache of either kind.
Kept = tuple[Path, Callable[[], object]]
KINDS = ("prefixes", "packed weights")


def prefixes(folder: Path, model: str = "a", heads: int = 2) -> Kept:
    config = dataclasses.replace(SMALL, num_kv_heads=heads)
    cache = KVCache(config, CacheType.INT8)
    found = PrefixCache(cache)
    page, ids = cache.pool(LayerType.FULL).take(), np.arange(PAGE_SIZE, dtype=np.int32)
    node = found.insert(found.root, ids, page, None, is_anchor=True)
    found.touch_path(node)
    file = PrefixFile(folder, "model", {"model": model})
    file.save(found)
    return file.path, lambda: file.restore(PrefixCache(KVCache(config, CacheType.INT8)))


def packed(folder: Path, model: str = "a", heads: int = 2) -> Kept:
    config = dataclasses.replace(SMALL, num_kv_heads=heads)
    directory = folder.with_name(f"weights-{model}-{heads}")
    RandomModel.of(config, ord(model)).write(directory / "model", PACKED)
    checkpoint = open_checkpoint(directory / "model")
    packing = Packing(checkpoint.config, checkpoint.weights, WeightType.INT8, Backend(threads=1))
    file = PackedFile(folder, checkpoint, WeightType.INT8)
    file.write(packing, lambda _: None)
    return file.path, lambda: file.open(packing)


MAKERS: dict[str, Any] = {"prefixes": prefixes, "packed weights": packed}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Kept]:
    """Makes a cache of one kind."""
    maker = MAKERS[request.param]
    return lambda *which: maker(tmp_path / "kept", *which)


def refusal(read: Callable[[], object]) -> str:
    """The message of the error, which must be one short line."""
    with pytest.raises((CheckpointError, PrefixFileError)) as caught:
        read()
    message = str(caught.value)
    assert "is not used" in message
    assert message.isprintable()
    assert len(message) < 600
    return message


def test_it_is_read(make: Callable[..., Kept]) -> None:
    path, read = make()
    assert read()
    assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0


@pytest.mark.parametrize("more", [b"\0", b"x" * 64, bytes(1 << 20)])
def test_grown(make: Callable[..., Kept], more: bytes) -> None:
    path, read = make()
    with path.open("ab") as file:
        file.write(more)
    assert f"{len(more)} bytes at its end belong to no tensor" in refusal(read)


@pytest.mark.parametrize(("model", "heads"), [("b", 2), ("a", 1), ("b", 4)])
def test_swapped_between_models(make: Callable[..., Kept], model: str, heads: int) -> None:
    """Of the same shape, of another, of both."""
    path, read = make()
    other, _ = make(model, heads)
    if other == path:
        # The name is by the identity, which says nothing of a shape.
        make(model, heads)
    else:
        os.replace(other, path)
    assert "another" in refusal(read)


def test_of_the_other_kind(tmp_path: Path) -> None:
    (one, read_one), (two, read_two) = prefixes(tmp_path / "kept"), packed(tmp_path / "kept")
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    for read in (read_one, read_two):
        assert "another" in refusal(read)


@pytest.mark.parametrize("sticky", [0, stat.S_ISVTX])
def test_in_a_folder_that_everybody_writes_to(make: Callable[..., Kept], sticky: int) -> None:
    """The file tells whose it is, not its folder: another's is refused, its owner's is not."""
    path, read = make()
    path.parent.chmod(0o777 | sticky)
    assert read()
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o600)
    os.chown(path, 1234, 1234)
    assert "it belongs to user 1234" in refusal(read)


def test_a_second_name_elsewhere(make: Callable[..., Kept], tmp_path: Path) -> None:
    """A hard link is the same file, with the same owner and mode."""
    path, read = make()
    away = tmp_path / "away"
    os.link(path, away)
    assert read()
    away.chmod(0o666)
    assert "others may write to it" in refusal(read)


@pytest.mark.parametrize("kind", ["link", "folder", "FIFO", "device"])
def test_what_is_no_file(make: Callable[..., Kept], kind: str, tmp_path: Path) -> None:
    path, read = make()
    path.rename(tmp_path / "away")
    if kind == "link":
        path.symlink_to(tmp_path / "away")
    elif kind == "folder":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    elif os.geteuid() == 0:
        # That of /dev/zero, which never ends.
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    else:
        pytest.skip("only root can make devices")
    assert f"it is a {kind}" in refusal(read)
