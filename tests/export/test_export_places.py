"""Where an export goes: never over anything, never into the model, and whole or not at all, whatever ends it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gptoss import nano
from gptoss.errors import CheckpointError, GptossError, OutputError, TokenizerError
from gptoss.export.exporting import Export
from gptoss.export.forms import Form
from gptoss.files.sizes import disk_size
from gptoss.model.checkpoint import open_checkpoint
from tests.cli.test_cli import ENVIRONMENT
from tests.export.conftest import Sources, content, exported, out_for
from tests.export.test_export_round_trips import FORMS


def refusal(path: Path, out: Path, form: str, kind: type[GptossError] = OutputError) -> str:
    """The message of the error, which is a short line."""
    with pytest.raises(kind) as caught:
        exported(path, out, form)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400
    return message


def identity(path: Path) -> tuple[int, ...]:
    """The inode, kind, size and time of writing; reading a link changes only the time of reading."""
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_overwritten(source: Sources, form: str, tmp_path: Path) -> None:
    out = out_for(tmp_path, form)
    plants: list[Callable[[], object]] = [
        lambda: out.write_bytes(b"precious"),
        lambda: (out.mkdir(), (out / "x").write_bytes(b"precious")),
        lambda: out.symlink_to(tmp_path / "nowhere"),
        lambda: os.mkfifo(out),
    ]
    for plant in plants:
        plant()
        before = identity(out)
        assert "is there already; choose a new name" in refusal(source("packed"), out, form)
        assert identity(out) == before
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    assert list(tmp_path.iterdir()) == []


def test_what_appears_meanwhile_stays(source: Sources, tmp_path: Path) -> None:
    for form in FORMS:
        out = out_for(tmp_path, form)
        planned = Export.plan("x", open_checkpoint(source("packed")), out, Form(form))
        if form == "gguf":
            out.write_bytes(b"precious")
        else:
            out.mkdir()
            (out / "x").write_bytes(b"precious")
        before = content(out)
        with pytest.raises(OutputError, match="cannot write"):
            planned.write()
        assert content(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        out_for(tmp_path, form).name for form in FORMS
    )


def test_an_empty_folder_is_filled(source: Sources, tmp_path: Path) -> None:
    exported(source("packed"), tmp_path, "mxfp4")
    assert (tmp_path / "config.json").is_file()


def test_no_place_that_cannot_be_taken(
    source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk's own folder would be refused after all was written; a shell would not see what took its folder."""
    monkeypatch.chdir(tmp_path)
    assert "or the folder that this runs in" in refusal(source("packed"), Path(), "mxfp4")
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path / "disk")
    assert "is where a disk is mounted" in refusal(source("packed"), tmp_path / "disk", "mxfp4")
    exported(source("packed"), tmp_path / "disk" / "inside", "mxfp4")


@pytest.mark.parametrize("form", FORMS)
def test_a_source_that_is_written_to(source: Sources, form: str, tmp_path: Path) -> None:
    shutil.copytree(source("packed"), tmp_path / "model")
    file = next((tmp_path / "model").glob("*.safetensors"))
    out = out_for(tmp_path, form)
    planned = Export.plan("x", open_checkpoint(tmp_path / "model"), out, Form(form))

    def write(_: int) -> None:
        os.utime(file, ns=(0, 0))

    with pytest.raises(CheckpointError, match=f"{file.name} was written to while it was read"):
        planned.write(write)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    # One that takes its place does not change what is read.
    planned = Export.plan("x", open_checkpoint(tmp_path / "model"), out, Form(form))
    shutil.copy(file, tmp_path / "new")
    (tmp_path / "new").rename(file)
    planned.write()
    assert out.exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_whose_name_is_no_text(source: Sources, form: str, tmp_path: Path) -> None:
    model = tmp_path / os.fsdecode(b"m\xff")
    shutil.copytree(source("packed"), model)
    out = out_for(tmp_path, form)
    Export.plan(model.name, open_checkpoint(model), out, Form(form)).write()
    assert open_checkpoint(out).config.num_layers == 2


def test_a_template_of_half_a_character(source: Sources, tmp_path: Path) -> None:
    shutil.copytree(source("packed"), tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").unlink()
    (tmp_path / "model" / "tokenizer_config.json").write_text('{"chat_template": "a\\ud800"}')
    said = refusal(tmp_path / "model", tmp_path / "x.gguf", "gguf", CheckpointError)
    assert "the chat template beside" in said


@pytest.mark.parametrize("name", ["packed", "original"])
def test_not_into_the_model(source: Sources, name: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(source(name), model / "original" if name == "original" else model)
    if name == "original":
        shutil.copy(source(name) / "tokenizer.json", model)
    (tmp_path / "link").symlink_to(model)
    for form in FORMS:
        for folder in (model, model / "deep" / "er", tmp_path / "link", model / "original"):
            out = out_for(folder, form)
            reason = "is there already" if out.exists() else "lies inside the model"
            assert reason in refusal(model, out, form)
    # Beside it and beside a file is fine.
    exported(model, tmp_path / "beside.gguf", "gguf")
    exported(tmp_path / "beside.gguf", tmp_path / "again.gguf", "gguf")


def test_no_room(source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    for form in FORMS:
        said = refusal(source("packed"), out_for(tmp_path / form, form), form)
        assert "its disk has 1.0 kB free, wanted " in said
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up(
    source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    for form in FORMS:
        assert "No space left" in refusal(source("packed"), out_for(tmp_path, form), form)
    assert list(tmp_path.iterdir()) == []


def test_no_tokenizer(source: Sources, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(source("packed"), model)
    (model / "tokenizer.json").unlink()
    for form in FORMS:
        said = refusal(model, out_for(tmp_path, form), form, TokenizerError)
        assert "no tokenizer.json in" in said
    file = tmp_path / "model.gguf"
    shutil.copy(source("llama.cpp"), file)
    assert "has no tokenizer" in refusal(file, tmp_path / "out", "mxfp4", TokenizerError)


def test_a_tokenizer_of_another_model(source: Sources, tmp_path: Path) -> None:
    shutil.copytree(source("packed"), tmp_path / "model")
    shutil.copy(nano.checkpoint_path() / "tokenizer.json", tmp_path / "model")
    said = refusal(tmp_path / "model", tmp_path / "out", "mxfp4", TokenizerError)
    assert "ids up to 1023, the model only 300 tokens" in said


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json", "LICENSE"])
def test_hostile_small_files(source: Sources, name: str, tmp_path: Path) -> None:
    """A pipe, or a file without end, is refused before anything is written."""
    shutil.copytree(source("packed"), tmp_path / "model")
    victim = tmp_path / "model" / name
    victim.unlink()
    os.mkfifo(victim)
    assert "cannot read" in refusal(tmp_path / "model", tmp_path / "out", "mxfp4", CheckpointError)
    victim.unlink()
    with victim.open("wb") as file:
        file.truncate(1 << 33)
    assert "it has more than" in refusal(
        tmp_path / "model", tmp_path / "out", "mxfp4", CheckpointError
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json"])
def test_templates_that_are_no_text(source: Sources, name: str, tmp_path: Path) -> None:
    shutil.copytree(source("packed"), tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").unlink()
    (tmp_path / "model" / name).write_bytes(b"\xff\xfe")
    said = refusal(tmp_path / "model", tmp_path / "out", "mxfp4", CheckpointError)
    assert "the chat template beside" in said
    assert not (tmp_path / "out").exists()


CUT = """
import os, signal, sys
from pathlib import Path
from gptoss.export.exporting import Export
from gptoss.export.forms import Form
from gptoss.files.sizes import disk_size
from gptoss.model.checkpoint import open_checkpoint
# One that was started in the background ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
path, out, form, count, how = sys.argv[1:]
seen = 0
def advance(num_bytes):
    global seen
    seen += 1
    if seen == int(count):
        os.kill(os.getpid(), int(how))
Export.plan("x", open_checkpoint(path), Path(out), Form(form)).write(advance)
"""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_cut_in_the_middle(source: Sources, form: str, how: int, tmp_path: Path) -> None:
    out = out_for(tmp_path, form)
    command = [
        sys.executable,
        "-c",
        CUT,
        str(source("packed")),
        str(out),
        form,
        "20",
        str(int(how)),
    ]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == -how
    assert not out.exists()
    left = list(tmp_path.iterdir())
    if how == signal.SIGINT:
        assert left == []
    for path in left:
        # Hidden, and of a name that no program takes for a model.
        assert path.name.startswith(".gptoss-")
        assert path.suffix == ".partial"
    # The next one works, and what was left is gone when it is old.
    for path in left:
        os.utime(path, (0, 0))
    exported(source("packed"), out, form)
    assert list(tmp_path.iterdir()) == [out]


class TestForm:
    def test_by_the_name_of_what_is_written(self) -> None:
        assert Form.of(None, Path("x")) is Form.MXFP4
        assert Form.of(None, Path("x.gguf")) is Form.GGUF
        assert Form.of("bf16", Path("x")) is Form.BF16

    @pytest.mark.parametrize(
        ("name", "out", "said"),
        [
            ("q8", "x", "got the form 'q8', wanted one of mxfp4, bf16, original, gguf"),
            ("gguf", "x", "cannot write x as gguf: wanted a file that ends in .gguf"),
            ("bf16", "x.gguf", "cannot write x.gguf as bf16: wanted the name of a folder"),
            ("gguf", "x-00001-of-00002.gguf", "its name is that of a part"),
        ],
    )
    def test_what_does_not_fit(self, name: str, out: str, said: str) -> None:
        with pytest.raises(OutputError, match=said):
            Form.of(name, Path(out))


class TestCommand:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gptoss", "export", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=False
        )

    def test_json(self, tmp_path: Path) -> None:
        done = self.run("nano", str(tmp_path / "nano.gguf"), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "model": "nano",
            "layout": "Hugging Face, MXFP4 experts",
            "as": "gguf",
            "out": str(tmp_path / "nano.gguf"),
            "weight_bytes": 2_155_760,
            "notes": ["the source has no chat template, and none is written"],
        }

    def test_what_is_said(self, rounded: Path, tmp_path: Path) -> None:
        done = self.run(str(rounded), str(tmp_path / "out"), "--as", "bf16")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{tmp_path / 'out'}\n"
        said = done.stderr.splitlines()
        size = disk_size(open_checkpoint(tmp_path / "out").num_bytes)
        assert said[0] == (
            "gptoss: matrices that are Q8_0 in the source are decoded and rounded to bfloat16"
        )
        assert said[-1] == f"gptoss: model as bf16, {size} of weights"

    def test_errors_are_one_line(self, tmp_path: Path) -> None:
        for arguments in (
            ("nano", str(tmp_path), "--as", "q8"),
            ("nothing", str(tmp_path / "x")),
            ("nano", "/proc/x"),
        ):
            done = self.run(*arguments)
            assert done.returncode == 2
            assert done.stdout == ""
            assert done.stderr.startswith("gptoss: ")
            assert done.stderr.count("\n") == 1
