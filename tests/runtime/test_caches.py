"""What is kept on the disk for speed is listed and removed, and nothing that others wrote."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gptoss.cli.main import app
from gptoss.errors import OutputError
from gptoss.files.whole import whole_file
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.layouts import PACKED
from gptoss.model.packed_file import PackedFile
from gptoss.model.packing import Packing, WeightType
from gptoss.runtime.caches import cached_files, remove
from tests.model.random_model import SMALL, RandomModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def packed(directory: Path, folder: Path, weight_type: WeightType = WeightType.INT8) -> PackedFile:
    checkpoint = open_checkpoint(directory)
    file = PackedFile(folder, checkpoint, weight_type)
    file.write(
        Packing(checkpoint.config, checkpoint.weights, weight_type, Backend()), lambda _: None
    )
    return file


def model(path: Path, seed: int = 3) -> Path:
    return RandomModel.of(SMALL, seed).write(path, PACKED)


def test_a_folder_that_is_not_there_has_nothing(folder: Path) -> None:
    assert cached_files(folder) == []


def test_packed_weights_are_listed_with_what_they_are_of(tmp_path: Path, folder: Path) -> None:
    file = packed(model(tmp_path / "tiny"), folder)
    (found,) = cached_files(folder)
    assert (found.path, found.kind, found.model, found.form) == (
        file.path,
        "weights",
        "tiny",
        "int8",
    )
    assert found.num_bytes >= file.path.stat().st_size
    assert found.unused == ""


def test_weights_whose_checkpoint_is_gone_or_has_changed_are_told(
    tmp_path: Path, folder: Path
) -> None:
    directory = model(tmp_path / "tiny")
    packed(directory, folder)
    shutil.rmtree(directory)
    assert [file.unused for file in cached_files(folder)] == ["its checkpoint is gone"]
    model(tmp_path / "tiny", seed=4)
    assert [file.unused for file in cached_files(folder)] == ["its checkpoint has changed"]


def test_files_of_others_are_left_alone(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    (folder / "model.safetensors").write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"x")
    (folder / "a-int8-0123456789abcdef.safetensors").symlink_to(target)
    os.mkfifo(folder / "b-int8-0123456789abcdef.safetensors")
    (folder / "c-int8-0123456789abcdef.safetensors").mkdir()
    assert cached_files(folder) == []
    done = CliRunner().invoke(app, ["cache", "clear", "--weights-cache", str(folder)])
    assert done.exit_code == 0
    assert len(list(folder.iterdir())) == 5
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("content", "unused"),
    [
        (b"", "damaged"),
        (b"\xff" * 64, "damaged"),
        (b"\x02\0\0\0\0\0\0\0{}", "of another version"),
    ],
)
def test_what_is_not_read_any_more(folder: Path, content: bytes, unused: str) -> None:
    folder.mkdir()
    for form in ("int8", "prefixes"):
        path = folder / f"old-{form}-0123456789abcdef.safetensors"
        path.write_bytes(content)
    assert [file.unused for file in cached_files(folder)] == [unused, unused]


def test_unfinished_files_are_listed(folder: Path) -> None:
    folder.mkdir()
    (folder / f".gptoss-{'0' * 32}.partial").write_bytes(b"x")
    assert [file.kind for file in cached_files(folder)] == ["unfinished"]


def test_what_is_being_written_is_left(folder: Path) -> None:
    """Otherwise a model that is laid out meanwhile would be laid out for nothing."""
    folder.mkdir()
    (folder / f".gptoss-{'0' * 32}.partial").write_bytes(b"left by a run that was ended")
    with whole_file(folder / "x") as file:
        file.write(b"whole")
        file.flush()
        for arguments in (["clear"], ["clear", "--unused"]):
            command = ["cache", *arguments, "--weights-cache", str(folder)]
            done = CliRunner().invoke(app, command)
            assert done.exit_code == 0
            assert ("partial, which is being written" in done.stderr) is (len(arguments) == 1)
        assert [each.unused for each in cached_files(folder)] == [""]
    assert [path.name for path in folder.iterdir()] == ["x"]
    assert (folder / "x").read_bytes() == b"whole"


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match=r"cannot read .*file: Not a directory"):
        cached_files(tmp_path / "file")


def test_removing_one_twice_is_no_fault(tmp_path: Path, folder: Path) -> None:
    packed(model(tmp_path / "tiny"), folder)
    (file,) = cached_files(folder)
    remove(file)
    remove(file)
    assert cached_files(folder) == []


def test_the_commands(tmp_path: Path, folder: Path) -> None:
    for name in ("one", "two"):
        packed(model(tmp_path / name), folder)
    shutil.rmtree(tmp_path / "two")
    here = ("--weights-cache", str(folder))

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["cache", *arguments, *here])
        assert done.exit_code == 0, done.output
        return done.output

    files = json.loads(said("list", "--json"))["files"]
    assert {file["model"]: file["unused"] for file in files} == {
        "one": "",
        "two": "its checkpoint is gone",
    }
    assert "two" in said("list")
    assert "not used: its checkpoint is gone" in said("list")
    assert str(folder) in said("clear", "--unused")
    assert [file.model for file in cached_files(folder)] == ["one"]
    wrong = CliRunner().invoke(app, ["cache", "clear", "three", *here])
    assert "got the name 'three', wanted one" in str(wrong.exception)
    assert "freed" in said("clear", "one")
    assert cached_files(folder) == []
