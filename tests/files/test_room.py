"""What a disk has free, asked of places that are not there yet."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gptoss.files.room import free_bytes, require_room


def test_of_a_place_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    asked = []

    def answer(path: Path) -> object:
        asked.append(path)
        return usage(10**12, 10**12 - 5 * 10**9, 5 * 10**9)

    monkeypatch.setattr(shutil, "disk_usage", answer)
    assert free_bytes(tmp_path / "a" / "b") == 5 * 10**9
    monkeypatch.chdir(tmp_path)
    require_room(Path("a/b"), 5 * 10**9)
    assert asked == [tmp_path, tmp_path]
    with pytest.raises(OSError, match=r"its disk has 5\.0 GB free, wanted 41\.8 GB"):
        require_room(tmp_path, 41_800_000_000)
