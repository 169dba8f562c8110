"""`gptoss models`, as a person meets it: what is on this machine, wherever programs keep it."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gptoss import nano
from gptoss.cli import models
from gptoss.cli.main import app
from gptoss.cli.output import Screen
from gptoss.runtime import found_models, machine_memory, packed_weights
from gptoss.runtime.found_models import FoundModel
from tests.runtime.other_programs import foreign_file, gguf_file, ollama_model
from tests.runtime.test_locating import put as put_empty

COMMIT = "1" * 40


def put(cache: Path, repo: str) -> Path:
    """A small model under another's name."""
    snapshot = put_empty(cache, repo, COMMIT)
    shutil.copytree(nano.checkpoint_path(), snapshot, dirs_exist_ok=True)
    return snapshot


def output(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def listed() -> dict[str, dict[str, Any]]:
    said = json.loads(output("models", "--json"))
    assert len({model["name"] for model in said["models"]}) == len(said["models"])
    return {model["name"]: model for model in said["models"]}


def test_the_embedded_one_is_always_there(home: Path) -> None:
    (model,) = listed().values()
    assert model["path"] == str(nano.checkpoint_path())
    assert model["origin"] == "embedded"
    assert model["bytes"] == pytest.approx(2_100_000, rel=0.05)
    assert model["fits"] is True


def test_what_is_in_the_cache(cache: Path) -> None:
    snapshot = put(cache, "openai/gpt-oss-20b")
    put(cache, "someone/mine")
    damaged = put(cache, "someone/damaged")
    (damaged / "model.safetensors").write_bytes(b"\xff" * 100)
    other = put(cache, "meta/llama")
    (other / "config.json").write_text('{"model_type": "llama"}')
    # Its weights are under way.
    (cache / "models--openai--gpt-oss-120b" / "blobs").mkdir(parents=True)
    (cache / "datasets--a--b").mkdir()
    found = listed()
    assert list(found) == ["nano", "gpt-oss-120b", "gpt-oss-20b", "someone/damaged", "someone/mine"]
    assert found["gpt-oss-20b"] == found["nano"] | {
        "name": "gpt-oss-20b",
        "origin": "hub cache",
        "path": str(snapshot),
    }
    assert "`gptoss pull gpt-oss-120b` fetches the rest" in found["gpt-oss-120b"]["problem"]
    assert found["gpt-oss-120b"]["path"] is None
    assert str(damaged) in found["someone/damaged"]["problem"]
    assert found["someone/damaged"]["fits"] is False
    lines = output("models").splitlines()
    assert [line.split()[0] for line in lines] == list(found)
    assert "takes" in lines[0]


def test_what_other_programs_keep(home: Path, cache: Path) -> None:
    data = gguf_file(home / "made.gguf", seed=1).read_bytes()
    blob = ollama_model(home / ".ollama/models", "registry.ollama.ai/library/gpt-oss/20b", data)
    # A second name of the same file, and another kind of model.
    ollama_model(home / ".ollama/models", "registry.ollama.ai/library/gpt-oss/latest", data)
    llama = foreign_file(home / "other.gguf").read_bytes()
    ollama_model(home / ".ollama/models", "registry.ollama.ai/library/llama/8b", llama)
    studio = gguf_file(home / ".lmstudio/models/lmstudio-community/gpt-oss-20b/a.gguf", seed=2)
    fetched = gguf_file(home / ".cache/llama.cpp/ggml-org_gpt-oss-20b.gguf", seed=3)
    # The same file under a further name.
    os.link(fetched, home / ".cache/llama.cpp/again.gguf")
    repo = put_empty(cache, "ggml-org/gpt-oss-20b-GGUF", COMMIT)
    (repo / "model.safetensors").unlink()
    linked = repo / "mxfp4" / "gpt-oss-20b.gguf"
    linked.parent.mkdir()
    target = gguf_file(cache / "models--ggml-org--gpt-oss-20b-GGUF/blobs/abc", seed=4)
    linked.symlink_to(os.path.relpath(target, linked.parent))
    found = listed()
    del found["nano"]
    assert {name: (model["origin"], model["path"]) for name, model in found.items()} == {
        "ggml-org/gpt-oss-20b-GGUF/mxfp4/gpt-oss-20b.gguf": ("hub cache", str(linked)),
        "ollama/gpt-oss:20b": ("Ollama", str(blob)),
        str(studio): ("LM Studio", str(studio)),
        str(home / ".cache/llama.cpp/again.gguf"): (
            "llama.cpp",
            str(home / ".cache/llama.cpp/again.gguf"),
        ),
    }
    names = []
    for name, model in found.items():
        # Each name is one that `--model` takes.
        facts = json.loads(output("info", "--model", name, "--json"))
        names.append(facts["model"])
        assert (facts["layers"], facts["bytes"]) == (2, model["bytes"])
        assert model["form"].startswith("GGUF of ")
        assert model["problem"] is None
    assert names == ["gpt-oss-20b", "gpt-oss:20b", "a", "again"]


def test_a_gguf_file_of_an_older_commit(cache: Path) -> None:
    """As one that was fetched alone, and whose repository went on."""
    older, newer = (put_empty(cache, "a/b", commit * 40) for commit in "12")
    gguf_file(older / "x.gguf", seed=1)
    gguf_file(older / "y.gguf", seed=2)
    gguf_file(newer / "x.gguf", seed=3)
    found = listed()
    assert found["a/b/x.gguf"]["path"] == str(newer / "x.gguf")
    assert found["a/b/y.gguf"]["path"] == str(older / "y.gguf")
    assert json.loads(output("info", "-m", "a/b/y.gguf", "--json"))["directory"] == str(
        older / "y.gguf"
    )


def test_one_that_is_damaged_is_told(home: Path) -> None:
    path = gguf_file(home / ".lmstudio/models/a/b/c.gguf")
    path.write_bytes(path.read_bytes()[:-100])
    assert "truncated" in listed()[str(path)]["problem"]


def test_that_of_the_variable(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = put(cache, "openai/gpt-oss-20b")
    monkeypatch.setenv("GPTOSS_MODEL", str(snapshot))
    # The same folder is told once.
    assert list(listed()) == ["nano", str(snapshot)]
    monkeypatch.setenv("GPTOSS_MODEL", "nowhere")
    assert "there is no model 'nowhere'" in listed()["nowhere"]["problem"]


def test_what_does_not_fit_and_takes_more_of_the_disk(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model,) = found_models.find_models()
    assert model.packed_bytes == 0
    monkeypatch.setattr(machine_memory, "available_memory", lambda: model.takes - 1)
    monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)
    assert "does not fit into" in output("models")
    assert "MB more of disk" in output("models")
    assert listed()["nano"]["packed_bytes"] > 1_000_000


@pytest.mark.parametrize(
    ("columns", "is_terminal", "num_lines"), [(80, True, 4), (200, True, 2), (80, False, 2)]
)
def test_lines_that_a_terminal_would_break(
    columns: int, is_terminal: bool, num_lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=is_terminal, color_system=None)
    path = f"/home/somebody/.lmstudio/models/someone/{'a' * 20}.gguf"
    found = [
        FoundModel("nano", "embedded", Path("a"), "MXFP4", 2_118_432, 0, 290 << 20),
        FoundModel(path, "LM Studio", Path("b"), "GGUF", 12 * 10**9, 11 * 10**9, 12 << 30),
    ]
    models._show(Screen(console), found, 8 << 30)
    lines = shown.getvalue().splitlines()
    assert len(lines) == num_lines
    assert max(map(len, lines)) <= (200 if num_lines == 2 else 100)
    assert lines[0].startswith("nano")
    told = (
        "12.0 GB GGUF takes 12.0 GiB and 11.0 GB more of disk, does not fit into 8.0 GiB LM Studio"
    )
    last = " ".join(lines[-1].split())
    assert last == (told if num_lines == 4 else f"{path} {told}")
