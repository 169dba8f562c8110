"""Folders that end with their program, and those of programs that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from gptoss.files import temporary
from gptoss.files.temporary import TemporaryFolder

PREFIX = "gptoss-test-"
HOLDING = f"""
import sys, time
from gptoss.files.temporary import TemporaryFolder
folder = TemporaryFolder("{PREFIX}")
(folder.path / "kept").write_text("of somebody's")
print(folder.path, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def aged(path: Path) -> None:
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))


def test_one_is_its_users_alone_and_ends_with_it(place: Path) -> None:
    folder = TemporaryFolder(PREFIX)
    assert folder.path.parent == place
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "a").write_text("a")
    folder.close()
    folder.close()
    assert list(place.iterdir()) == []


def test_that_of_a_killed_program_is_cleared_away_and_no_other(place: Path) -> None:
    """A program that lives holds its own, however old it is."""
    program = [sys.executable, "-c", HOLDING]
    with (
        subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as living,
    ):
        try:
            assert killed.stdout is not None
            assert living.stdout is not None
            left, held = (Path(each.stdout.readline().strip()) for each in (killed, living))
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            young = TemporaryFolder(PREFIX)
            assert left.exists()
            for each in (left, held, young.path):
                aged(each)
            other = place / "gptoss-other-1"
            other.mkdir()
            aged(other)
            another = TemporaryFolder(PREFIX)
            assert not left.exists()
            assert (held / "kept").read_text() == "of somebody's"
            assert young.path.exists()
            assert other.exists()
            another.close()
            young.close()
        finally:
            living.kill()


def test_links_and_files_of_that_name_are_left_alone(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    (place / f"{PREFIX}file").write_text("a file")
    os.utime(place / f"{PREFIX}link", (0, 0), follow_symlinks=False)
    aged(place / f"{PREFIX}file")
    TemporaryFolder(PREFIX).close()
    assert (elsewhere / "mine").read_text() == "mine"
    assert (place / f"{PREFIX}file").exists()


def test_another_users_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = place / f"{PREFIX}theirs"
    theirs.mkdir()
    aged(theirs)
    monkeypatch.setattr(temporary.os, "geteuid", lambda: os.getuid() + 1)
    folder = TemporaryFolder(PREFIX)
    assert theirs.exists()
    folder.close()


def test_one_that_was_cleared_before_it_was_locked_is_made_anew(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may be stopped for long between both."""
    lock, made = temporary.fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not made:
            (path,) = place.iterdir()
            path.rmdir()
            made.append(path)
        lock(descriptor, operation)

    monkeypatch.setattr(temporary.fcntl, "flock", late)
    folder = TemporaryFolder(PREFIX)
    assert folder.path.exists()
    assert folder.path not in made
    folder.close()
