"""Files that hold what users said are their user's alone, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptoss.files.private import make_private, make_private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_folder_and_file(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "folder"
    make_private_folder(folder)
    make_private(folder / "file")
    assert (mode(folder), mode(folder / "file")) == (0o700, 0o600)


def test_what_was_open_is_closed_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"what was said")
    path.chmod(0o664)
    make_private(path)
    assert (mode(path), path.read_bytes()) == (0o600, b"what was said")


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path)
    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize("kind", ["link", "hard link", "FIFO", "folder", "another user's"])
def test_what_is_not_ours_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_bytes(b"")
    victim.chmod(0o644)
    match kind:
        case "link":
            path.symlink_to(victim)
        case "hard link":
            path.hardlink_to(victim)
        case "FIFO":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.write_bytes(b"")
            monkeypatch.setattr(os, "geteuid", lambda: 4321)
    with pytest.raises(
        OSError, match=r"symbolic links|another name|FIFO|directory|belongs to user"
    ):
        make_private(path)
    assert mode(victim) == 0o644
