"""Files between a sandbox and this program: what comes out is what was put in, and nothing from elsewhere."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gptoss.errors import SandboxError
from gptoss.tools.sandbox import Reason, RungName, Session
from gptoss.tools.sandbox.folder import Folder, remove_tree
from gptoss.tools.sandbox.workplace import open_folder
from tests.tools.sandbox.conftest import SMALL


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    inside = tmp_path / "inside"
    inside.mkdir()
    return Folder(open_folder(inside), most_files=100)


def test_in_and_out(session: Session) -> None:
    data = secrets.token_bytes(100_000)
    session.write_file("in.bin", data)
    session.write_file("/mnt/data/deep/er/in.txt", "grün".encode())
    output = session.run(
        "data = open('/mnt/data/in.bin', 'rb').read()\nopen('out.bin', 'wb').write(data[::-1])\n"
        "open('/mnt/data/deep/er/in.txt', encoding='utf-8').read()"
    )
    assert output.value == "'grün'"
    assert output.files == ("out.bin",)
    assert session.files() == {"deep/er/in.txt": 5, "in.bin": 100_000, "out.bin": 100_000}
    assert session.read_file("out.bin") == data[::-1]
    session.remove_file("in.bin")
    assert session.run("import os\nos.path.exists('in.bin')").value == "False"


def test_names_that_are_no_text_are_told_as_text(session: Session) -> None:
    """Or neither a tokenizer nor JSON could take what the model reads."""
    output = session.run("open(b'/mnt/data/\\xff\\n', 'w').close()")
    assert output.files == ("\\udcff\n",)
    assert output.text().encode().endswith(b"changed \\udcff\n)")


def test_the_code_may_change_what_it_was_given(session: Session) -> None:
    session.write_file("sub/in.txt", b"1")
    assert (
        session.run("open('sub/in.txt', 'a').write('2')\nopen('sub/new', 'w').close()").reason
        is Reason.FINISHED
    )
    assert session.read_file("sub/in.txt") == b"12"


def test_names_that_the_model_knows(session: Session) -> None:
    """Written as it was trained to: whatever opens files through Python finds them, in whichever rung."""
    output = session.run(
        """
import csv, glob, gzip, json, os, pathlib, shutil, tempfile, zipfile
import numpy as np
np.savetxt("/mnt/data/a.csv", np.eye(2)); np.save("/mnt/data/a.npy", np.arange(3))
assert np.loadtxt("/mnt/data/a.csv").shape == (2, 2) and np.load("/mnt/data/a.npy").sum() == 3
assert np.memmap("/mnt/data/m.bin", dtype="u1", mode="w+", shape=(10,)).size == 10
np.arange(4).tofile("/mnt/data/t.bin"); assert np.fromfile("/mnt/data/t.bin", dtype=int).sum() == 6
p = pathlib.Path("/mnt/data") / "p.txt"
p.write_text("text"); assert p.exists() and p.stat().st_size == 4 and p.read_text() == "text"
assert [each.name for each in sorted(pathlib.Path("/mnt/data").glob("p.*"))] == ["p.txt"]
shutil.copy("/mnt/data/p.txt", "/mnt/data/q.txt"); shutil.copy2(p, "/mnt/data/r.txt")
os.makedirs("/mnt/data/d/e"); shutil.move("/mnt/data/q.txt", "/mnt/data/d/e/q.txt")
assert glob.glob("/mnt/data/d/*/q*") == ["/mnt/data/d/e/q.txt"]
assert sorted(os.listdir("/mnt/data/d/e")) == sorted(os.listdir(b"/mnt/data/d/e".decode())) == ["q.txt"]
shutil.copytree("/mnt/data/d", "/mnt/data/c"); shutil.rmtree("/mnt/data/c"); assert not os.path.exists("/mnt/data/c")
os.rename("/mnt/data/r.txt", "/mnt/data/s.txt"); os.remove("/mnt/data/s.txt")
with zipfile.ZipFile("/mnt/data/z.zip", "w") as z: z.write("/mnt/data/p.txt", "p.txt")
with zipfile.ZipFile("/mnt/data/z.zip") as z: z.extractall("/mnt/data/unzipped")
with gzip.open("/mnt/data/g.gz", "wt") as f: f.write("x")
with open("/mnt/data/j.json", "w") as f: json.dump([1], f)
with open(file="/mnt/data/j.json") as f: assert json.load(f) == [1]
with open("/tmp/scratch.txt", "w") as f: f.write("x")
assert os.path.isfile("/tmp/scratch.txt")
with tempfile.NamedTemporaryFile("w+") as f: f.write("x")
with tempfile.TemporaryDirectory() as d: open(os.path.join(d, "x"), "w").close()
assert [entry.name for entry in os.scandir("/mnt/data/d")] == ["e"]
assert [found[2] for found in os.walk("/mnt/data/d")] == [[], ["q.txt"]]
os.chmod("/mnt/data/p.txt", 0o600); os.utime("/mnt/data/p.txt")
import sqlite3
with sqlite3.connect("/mnt/data/d.sqlite") as c:
    c.execute("create table t (x)"); c.execute("insert into t values (1)")
assert sqlite3.connect(database="/mnt/data/d.sqlite").execute("select x from t").fetchall() == [(1,)]
assert isinstance(sqlite3.connect(":memory:"), sqlite3.Connection)
os.chdir("/mnt/data"); open("relative", "w").close(); assert os.path.exists("/mnt/data/relative")
open("module_of_mine.py", "w").write("x = 3")
import module_of_mine
"fine"
"""
    )
    assert output.text() == "'fine'"
    assert session.read_file("p.txt") == b"text"
    assert "d/e/q.txt" in session.files()


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "",
        ".",
        "a//b",
        "a\0b",
        "/mnt/data/../x",
        "x" * 300,
        "/".join("a" * 40),
    ],
)
def test_names_that_lead_out(session: Session, name: str) -> None:
    for use in (session.read_file, lambda n: session.write_file(n, b"x"), session.remove_file):
        with pytest.raises(SandboxError, match="wanted a path"):
            use(name)


def test_what_is_not_there(session: Session) -> None:
    with pytest.raises(SandboxError, match="No such file"):
        session.read_file("none")
    session.write_file("four", b"four")
    with pytest.raises(SandboxError, match="more than 3 bytes"):
        session.read_file("four", 3)


def test_no_more_than_there_is_room_for(session: Session) -> None:
    with pytest.raises(SandboxError, match="do not fit"):
        session.write_file("large", bytes(SMALL.file_bytes + 1))
    session.write_file("half", bytes(SMALL.data_bytes * 3 // 4))
    with pytest.raises(SandboxError, match="do not fit"):
        session.write_file("more", bytes(SMALL.data_bytes // 2))


def test_what_breaks_the_limit_is_removed_and_the_rest_stays(session: Session) -> None:
    session.write_file("kept.txt", b"kept")
    session.run("open('changed.txt', 'w').write('before')")
    output = session.run(
        "import os\nfor n in range(100_000): os.close(os.open(f'f{n}', os.O_CREAT))"
    )
    assert output.reason is Reason.DISK
    assert "what this cell wrote is removed" in output.text()
    assert (
        session.run("import os\nsorted(os.listdir('/mnt/data'))").value
        == "['changed.txt', 'kept.txt']"
    )
    assert session.read_file("kept.txt") == b"kept"


def test_files_are_there_while_a_cell_runs(session: Session) -> None:
    session.run("open('old', 'w').write('old')")
    thread = threading.Thread(
        target=session.run, args=("import time\nopen('new', 'w').write('new')\ntime.sleep(30)",)
    )
    thread.start()
    until = time.monotonic() + 10
    while "new" not in session.files() and time.monotonic() < until:
        time.sleep(0.01)
    assert session.is_busy
    session.write_file("given", b"given")
    assert session.read_file("old") == b"old"
    assert session.files() == {"given": 5, "new": 3, "old": 3}
    session.interrupt()
    thread.join()
    assert session.run("open('given').read()").value == "'given'"


def test_files_survive_a_restart(session: Session) -> None:
    session.write_file("a/b/c.txt", b"here")
    session.run("x = 1\nopen('mine', 'w').write('too')")
    session.restart()
    assert session.files() == {"a/b/c.txt": 4, "mine": 3}
    assert "NameError" in session.run("x").text()
    assert (
        session.run("open('/mnt/data/a/b/c.txt').read() + open('mine').read()").value == "'heretoo'"
    )


class TestAFolderThatIsHostile:
    """The sandbox makes no links; were there one, nobody would follow it."""

    def test_links(self, folder: Folder, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("secret")
        inside = tmp_path / "inside"
        (inside / "file").symlink_to(secret)
        (inside / "folder").symlink_to(tmp_path)
        (inside / "real").mkdir()
        (inside / "real" / "up").symlink_to("..")
        assert folder.entries() == {}
        for name in ("file", "folder/secret", "real/up/file"):
            with pytest.raises(SandboxError, match="link"):
                folder.read(name, 100)
        folder.write("file", b"mine")
        assert secret.read_text() == "secret"
        assert folder.read("file", 100) == b"mine"
        with pytest.raises(SandboxError, match="link"):
            folder.write("folder/secret", b"x")
        assert secret.read_text() == "secret"

    def test_what_is_no_file(self, folder: Folder, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "inside" / "pipe")
        (tmp_path / "inside" / "folder").mkdir()
        for name in ("pipe", "folder"):
            with pytest.raises(SandboxError):
                folder.read(name, 100)
        assert folder.entries() == {}

    def test_too_many_and_too_deep(self, folder: Folder, tmp_path: Path) -> None:
        for n in range(101):
            (tmp_path / "inside" / f"f{n}").touch()
        assert not folder.usage().is_whole
        assert len(folder.entries()) <= 100

    def test_depth(self, folder: Folder, tmp_path: Path) -> None:
        deepest = tmp_path / "inside"
        for _ in range(40):
            deepest /= "d"
        deepest.mkdir(parents=True)
        assert not folder.usage().is_whole

    def test_folders_change_places_with_links(self, folder: Folder, tmp_path: Path) -> None:
        """While names are exchanged as fast as that goes, only what is inside is ever read."""
        secret = tmp_path / "outside"
        secret.mkdir()
        (secret / "name").write_text("secret")
        inside = tmp_path / "inside"
        (inside / "a").mkdir()
        (inside / "a" / "name").write_text("inside")
        (inside / "b").symlink_to(secret)
        is_over = threading.Event()

        def exchange() -> None:
            while not is_over.is_set():
                os.rename(inside / "a", inside / "c")
                os.rename(inside / "b", inside / "a")
                os.rename(inside / "c", inside / "b")
                os.rename(inside / "a", inside / "c")
                os.rename(inside / "b", inside / "a")
                os.rename(inside / "c", inside / "b")

        thread = threading.Thread(target=exchange)
        thread.start()
        read, refused = 0, 0
        try:
            for _ in range(3000):
                try:
                    assert folder.read("a/name", 100) == b"inside"
                    read += 1
                except SandboxError:
                    refused += 1
                assert all("name" not in name or name[0] in "abc" for name in folder.entries())
        finally:
            is_over.set()
            thread.join()
        assert read
        assert refused

    def test_a_tree_of_any_depth_is_removed(self, tmp_path: Path) -> None:
        """Deeper than paths are long, and than a program may have folders open."""
        top = tmp_path / "tree"
        top.mkdir()
        at = os.open(top, os.O_RDONLY)
        for n in range(1500):
            os.mkdir("d", dir_fd=at)
            os.close(os.open(f"f{n}", os.O_CREAT, dir_fd=at))
            below = os.open("d", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.symlink("/etc", "link", dir_fd=at)
        os.chmod(at, 0)
        os.close(at)
        remove_tree(top)
        assert not top.exists()


def test_nothing_is_left_on_the_disk(
    make_session: Callable[..., Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    # Walked through by nobody, where this user is root.
    for each in (tmp_path, *tmp_path.parents):
        if each.stat().st_uid == os.geteuid() and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o011)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    session = make_session()
    session.run("open('x', 'w').write('x')")
    left = list(tmp_path.iterdir())
    assert len(left) == (session.rung.name is RungName.LANDLOCK)
    session.close()
    assert list(tmp_path.iterdir()) == []
