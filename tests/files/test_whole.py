"""Files and folders that are whole or not there, whatever somebody planted in their place."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gptoss.files import whole
from gptoss.files.whole import OWN, SHARED, whole_file, whole_folder


def write(path: Path, content: bytes = b"new", mode: int = SHARED) -> None:
    with whole_file(path, mode=mode) as file:
        file.write(content)


def fail_halfway(path: Path, error: BaseException) -> None:
    with whole_file(path) as file:
        file.write(b"half")
        raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        (partial,) = set(names(tmp_path)) - {"x"}
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["x"]
    # Nobody can have planted anything under a name that nobody can guess.
    assert whole._PARTIAL.fullmatch(partial)
    assert whole._new_name() != whole._new_name()


def test_partial_files_are_new_and_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a name that was guessed after all is neither written to nor followed."""
    monkeypatch.setattr(whole, "_new_name", lambda: ".gptoss-" + "0" * 32 + ".partial")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    planted = tmp_path / whole._new_name()
    for plant in (lambda: planted.symlink_to(victim), lambda: planted.write_bytes(b"planted")):
        plant()
        with pytest.raises(FileExistsError):
            write(tmp_path / "x")
        planted.unlink()
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        fail_halfway(path, error)
    assert names(tmp_path) == ["x"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_system_that_fails_at_the_end(
    tmp_path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="Input/output"):
        write(tmp_path / "x")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["link", "dangling link", "FIFO"])
def test_what_is_in_its_place_is_replaced_and_not_written_through(
    tmp_path: Path, kind: str
) -> None:
    path, victim = tmp_path / "x", tmp_path / "victim"
    if kind == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to(victim)
    if kind == "link":
        victim.write_bytes(b"precious")
    write(path)
    assert stat.S_ISREG(path.lstat().st_mode)
    assert path.read_bytes() == b"new"
    assert not victim.exists() or victim.read_bytes() == b"precious"


def test_folders_and_devices_stay(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="there is a folder of that name"):
        write(tmp_path / "x")
    with pytest.raises(OSError, match="there is a device of that name"):
        write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_folder_that_moves_away_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with whole_file(folder / "x") as file:
        file.write(b"new")
        folder.rename(tmp_path / "moved")
        folder.symlink_to("/")
    assert names(tmp_path / "moved") == ["x"]
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none" / "x")


@pytest.mark.parametrize(("umask", "shared", "own"), [(0, 0o666, 0o644), (0o027, 0o640, 0o640)])
def test_modes_follow_the_umask(tmp_path: Path, umask: int, shared: int, own: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "shared", mode=SHARED)
        write(tmp_path / "own", mode=OWN)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == shared
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == own


class TestFolder:
    def fill(self, path: Path, error: BaseException | None = None) -> None:
        with whole_folder(path) as partial:
            (partial / "a").write_bytes(b"a")
            if error is not None:
                raise error

    def test_appears_when_it_is_whole(self, tmp_path: Path) -> None:
        with whole_folder(tmp_path / "above" / "x") as partial:
            (partial / "a").write_bytes(b"a")
            assert not (tmp_path / "above" / "x").exists()
        assert names(tmp_path / "above") == ["x"]
        assert names(tmp_path / "above" / "x") == ["a"]

    def test_a_failure_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            self.fill(tmp_path / "x", KeyboardInterrupt())
        assert names(tmp_path) == []

    def test_what_is_there_stays(self, tmp_path: Path) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "precious").write_bytes(b"")
        (tmp_path / "link").symlink_to("x")
        for name in ("x", "link"):
            with pytest.raises(OSError, match=r"not empty|Not a directory"):
                self.fill(tmp_path / name)
        assert names(tmp_path) == ["link", "x"]
        assert names(tmp_path / "x") == ["precious"]


class TestWhatIsLeft:
    """Partial files of runs that were killed."""

    NAME = ".gptoss-" + "ab" * 16 + ".partial"

    def left(self, folder: Path, age_s: float = 3600) -> Path:
        path = folder / self.NAME
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s,) * 2)
        return path

    def test_a_killed_run(self, tmp_path: Path) -> None:
        """A real one: what it leaves is kept while it writes, and cleared once it has been killed."""
        code = (
            "import sys, time; from pathlib import Path; from gptoss.files.whole import whole_file\n"
            "with whole_file(Path(sys.argv[1])) as f: print(flush=True); time.sleep(600)"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "x")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
            assert run.stdout is not None
            run.stdout.readline()
            (partial,) = tmp_path.iterdir()
            os.utime(partial, (0, 0))
            write(tmp_path / "y")
            assert partial.exists()
            run.send_signal(signal.SIGKILL)
            run.wait(10)
        write(tmp_path / "y")
        assert names(tmp_path) == ["y"]

    def test_files_and_folders_go(self, tmp_path: Path) -> None:
        self.left(tmp_path)
        folder = tmp_path / self.NAME.replace("ab", "cd")
        folder.mkdir()
        (folder / "shard").write_bytes(b"half")
        os.utime(folder, (0, 0))
        write(tmp_path / "x")
        assert names(tmp_path) == ["x"]

    def test_what_is_new_stays(self, tmp_path: Path) -> None:
        """It may have been made a moment ago, and not be locked yet."""
        left = self.left(tmp_path, age_s=1)
        write(tmp_path / "x")
        assert left.exists()

    def test_what_is_not_ours_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        left = self.left(tmp_path)
        others = [".gptoss-ab.partial", "x.partial", f"{self.NAME}.txt", self.NAME.upper()]
        for name in others:
            (tmp_path / name).write_bytes(b"")
            os.utime(tmp_path / name, (0, 0))
        victim = tmp_path / "victim"
        victim.mkdir()
        link = tmp_path / self.NAME.replace("ab", "ef")
        link.symlink_to(victim)
        os.utime(link, (0, 0), follow_symlinks=False)
        monkeypatch.setattr(os, "geteuid", lambda: 4321)
        write(tmp_path / "x")
        assert left.exists()
        monkeypatch.undo()
        write(tmp_path / "x")
        assert names(tmp_path) == sorted([*others, "victim", link.name, "x"])


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_new_name_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """File systems of memory cards have none."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(refusal, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "x"
    with whole_file(path, replaces=False) as file:
        file.write(b"first")
    assert path.read_bytes() == b"first"
    with pytest.raises(FileExistsError), whole_file(path, replaces=False) as file:
        file.write(b"second")
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["x"]
