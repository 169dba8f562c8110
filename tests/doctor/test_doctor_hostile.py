"""Whatever the files are, a doctor says what is wrong, and never fails by itself."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss.model.checkpoint import open_checkpoint
from gptoss.runtime.doctor import Level
from tests.doctor.models import CONFIG, INDEX, SHARDS, found_in
from tests.files.mutations import mutated
from tests.levels import examples
from tests.model.gguf_model import write_gguf
from tests.model.random_model import RandomModel

NAMES = [
    *SHARDS,
    INDEX,
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
]
MUST_BE_SAID = {*SHARDS, INDEX, "config.json", "tokenizer.json"}


def worst(path: Path) -> Level:
    return max((each.level for each in found_in(path)), key=[*Level].index)


@pytest.mark.wide(4)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "kind",
    ["empty", "truncated", "random", "folder", "fifo", "socket", "dangling", "loop", "zeros"],
)
def test_a_file_that_is_none(model: Path, name: str, kind: str) -> None:
    path = model / name
    data = path.read_bytes()
    path.unlink()
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(data[: len(data) * 2 // 3])
        case "random":
            path.write_bytes(random.Random(name).randbytes(5000))
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "socket":
            os.mknod(path, 0o140644)
        case "dangling":
            path.symlink_to(model / "nowhere")
        case "loop":
            path.symlink_to(path)
        case "zeros":
            path.write_bytes(bytes(len(data)))
    level = worst(model)
    if name in MUST_BE_SAID:
        assert level is Level.ERROR


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_were_changed(
    made: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp("changed") / "small"
    shutil.copytree(made, folder)
    content = (made / name).read_bytes()
    end = 3000 if name in SHARDS else None

    @settings(
        max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(mutated(content, end))
    def look(data: bytes) -> None:
        (folder / name).write_bytes(data)
        found_in(folder)

    look()


@settings(max_examples=examples(100))
@given(st.data())
def test_changed_gguf_files(gguf_file: Path, data: st.DataObject) -> None:
    content = gguf_file.read_bytes()
    changed = gguf_file.with_name("changed.gguf")
    changed.write_bytes(data.draw(mutated(content, 6000)))
    found_in(changed)


@pytest.fixture(scope="module")
def gguf_file(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    shutil.copyfile(made / "tokenizer.json", folder / "tokenizer.json")
    return write_gguf(RandomModel.of(CONFIG, 0), folder / "small.gguf")


def test_what_is_called_right_is_right(model: Path) -> None:
    """Where nothing is said to be wrong, the model opens."""
    assert worst(model) is Level.NOTE
    open_checkpoint(model)


@pytest.mark.parametrize("depth", [1, 3])
def test_folders_of_nothing(tmp_path: Path, depth: int) -> None:
    folder = tmp_path
    for number in range(depth):
        folder = folder / str(number)
    folder.mkdir(parents=True)
    assert worst(folder) is Level.ERROR
    assert worst(Path("/dev/null")) is Level.ERROR
    assert worst(Path("/proc/self")) is Level.ERROR


# Another user's: what is imported was imported before.
_AS_NOBODY = """
import os, sys
from gptoss.runtime.doctor import Examination
list(Examination("nano").of_model())
os.setegid(65534)
os.seteuid(65534)
for folder in sys.argv[1:]:
    for each in Examination(folder).of_model():
        print(folder, each.level, each.said)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_files_that_may_not_be_read(made: Path) -> None:
    """By a process of another user, as root may read everything."""
    top = Path("/tmp") / f"gptoss-unreadable-{os.getpid()}"
    top.mkdir()
    try:
        folders = {}
        for number, name in enumerate(["", *NAMES]):
            folder = Path(shutil.copytree(made, top / f"small{number}"))
            (folder / name).chmod(0)
            folders[str(folder)] = name
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, *folders],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(top)
    assert (done.returncode, done.stderr) == (0, "")
    assert "failed by itself" not in done.stdout
    bad = {line.split()[0] for line in done.stdout.splitlines() if line.split()[1] == "error"}
    wanted = {folder for folder, name in folders.items() if name in {"", *MUST_BE_SAID}}
    assert wanted <= bad
    assert "Permission denied" in done.stdout
