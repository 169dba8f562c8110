"""Files that nobody vouches for: only regular ones, without waiting, and no more of them than allowed."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gptoss.files.regular import open_own, open_regular, read_at, read_file


@contextmanager
def placed(path: Path, kind: str) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as held:
        match kind:
            case "FIFO":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "socket":
                held.bind(str(path))
            case "device":
                path.symlink_to("/dev/zero")
            case "dangling link":
                path.symlink_to("nothing")
            case "link to itself":
                path.symlink_to(path)
        yield


@pytest.mark.parametrize(
    "kind", ["FIFO", "folder", "socket", "device", "dangling link", "link to itself", "nothing"]
)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    with placed(path, kind):
        for attempt in (lambda: read_file(path, 100), lambda: open_own(path).__enter__()):
            with pytest.raises(
                OSError, match=r"regular file|No such file|symbolic links"
            ) as caught:
                attempt()
            assert caught.value.strerror


def test_a_path_that_no_file_can_have(tmp_path: Path) -> None:
    for name in ("a\0b", "x" * 300):
        with pytest.raises(OSError, match=r"null|too long"):
            read_file(tmp_path / name, 100)


def test_a_file_exchanged_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look before opening is not the one that counts."""
    path = tmp_path / "x"
    path.write_bytes(b"a file")
    status = path.stat()
    path.unlink()
    os.mkfifo(path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", lambda *_, **__: status)
        with pytest.raises(OSError, match="it is a FIFO"):
            read_file(path, 100)


def test_reads_all_of_a_file_and_never_more_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    content = os.urandom(3_000_000)
    path.write_bytes(content)
    assert read_file(path, len(content)) == content
    with pytest.raises(OSError, match="more than 2,999,999 bytes"):
        read_file(path, len(content) - 1)
    os.truncate(path, 1 << 40)
    with pytest.raises(OSError, match="more than 10 bytes"):
        read_file(path, 10)


def test_links_are_followed_where_nothing_is_believed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link", 100) == b"content"
    with pytest.raises(OSError, match="it is a link"), open_own(tmp_path / "link"):
        pass


def test_a_file_that_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")
    with open_regular(path) as descriptor:
        assert read_at(descriptor, 4, 3) == b"3456"
        with pytest.raises(OSError, match="it ends early"):
            read_at(descriptor, 4, 7)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_own_files_are_believed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    path.chmod(mode)
    with open_own(path) as descriptor:
        assert stat.S_IMODE(os.fstat(descriptor).st_mode) == mode


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o664])
def test_what_others_may_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    path.chmod(mode)
    with (
        pytest.raises(OSError, match=f"others may write to it \\(mode {mode:o}\\)"),
        open_own(path),
    ):
        pass


def test_what_another_user_made_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    if os.geteuid() == 0:
        os.chown(path, 1234, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 1234)
    with pytest.raises(OSError, match="it belongs to user"), open_own(path):
        pass
    with open_regular(path):
        pass


def test_root_is_believed_by_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes files of root")
    path = tmp_path / "x"
    path.write_bytes(b"x")
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    with open_own(path):
        pass
