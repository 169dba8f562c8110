"""`gptoss models rm`: what goes, what stays, and who is asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gptoss import nano
from gptoss.cli import asking
from gptoss.cli.main import app
from gptoss.errors import CheckpointError, GptossError, RemovalError
from gptoss.hub.cache import find_snapshot
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.packed_file import PackedFile
from gptoss.model.packing import Packing, WeightType
from tests.cli.test_models import COMMIT, listed, put, put_empty
from tests.runtime.other_programs import gguf_file, manifest, ollama_model

LIBRARY = "registry.ollama.ai/library"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return tmp_path / "packed"


def pack(path: Path, folder: Path) -> Path:
    checkpoint = open_checkpoint(path)
    file = PackedFile(folder, checkpoint, WeightType.INT8)
    packing = Packing(checkpoint.config, checkpoint.weights, WeightType.INT8, Backend())
    file.write(packing, lambda _: None)
    return file.path


def run(packed: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(
        app, ["models", "rm", *arguments, "--weights-cache", str(packed)], input=typed
    )


def removed(packed: Path, *arguments: str) -> str:
    done = run(packed, *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def refused(packed: Path, *arguments: str) -> GptossError:
    error = run(packed, *arguments).exception
    assert isinstance(error, GptossError)
    assert "\n" not in str(error)
    return error


def test_a_pulled_model_and_its_packed_weights(cache: Path, packed: Path) -> None:
    snapshot = put(cache, "openai/gpt-oss-20b")
    other = put(cache, "openai/gpt-oss-120b")
    mine, others = pack(snapshot, packed), pack(other, packed)
    assert mine.name.startswith("gpt-oss-20b-int8-")
    said = removed(packed, "gpt-oss-20b", "--yes")
    assert said.startswith("freed 3.6 MB")
    assert not mine.exists()
    assert others.exists()
    assert not (cache / "models--openai--gpt-oss-20b").exists()
    assert list(listed()) == ["nano", "gpt-oss-120b"]


def test_a_person_is_asked(
    cache: Path,
    packed: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(cache, "openai/gpt-oss-20b")
    error = refused(packed, "gpt-oss-20b")
    assert "nobody can be asked here; say --yes" in str(error)
    monkeypatch.setattr("gptoss.cli.models.can_ask", lambda: True)
    for typed in ("", "n\n", "\n", "yo\n"):
        done = run(packed, "gpt-oss-20b", typed=typed)
        assert done.exit_code == 1
        assert "which transformers, vLLM and others share" in done.stderr
        assert done.stderr.rstrip("\n").endswith("gptoss: remove it? [y/N] ")
        assert done.stdout == ""
        assert find_snapshot("openai/gpt-oss-20b") is not None
    pack(find_snapshot("openai/gpt-oss-20b") or Path(), packed)
    done = run(packed, "gpt-oss-20b", typed="y\n")
    assert done.exit_code == 0
    assert f"its packed weights: 1.4 MB in {packed}" in done.stderr
    assert find_snapshot("openai/gpt-oss-20b") is None
    assert list(packed.iterdir()) == []


def test_who_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self, is_terminal: bool) -> None:
            self.isatty = lambda: is_terminal

    for sees, types in [(True, True), (True, False), (False, True)]:
        monkeypatch.setattr(asking.sys, "stderr", Stream(sees))
        monkeypatch.setattr(asking.sys, "stdin", Stream(types))
        assert asking.can_ask() is (sees and types)


def test_one_commit_of_several(cache: Path, packed: Path) -> None:
    first = put(cache, "openai/gpt-oss-20b")
    shutil.copytree(first, first.with_name("2" * 40))
    removed(packed, f"gpt-oss-20b@{'2' * 40}", "--yes")
    assert find_snapshot("openai/gpt-oss-20b") == first
    assert not first.with_name("2" * 40).exists()
    with pytest.raises(CheckpointError, match="there is no model"):
        raise refused(packed, f"gpt-oss-20b@{'3' * 40}", "--yes")


def test_what_is_half_fetched(cache: Path, packed: Path) -> None:
    for name in ("openai--gpt-oss-20b", "someone--mine"):
        blobs = cache / f"models--{name}" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / "0.gptoss.incomplete").write_bytes(b"x")
    removed(packed, "gpt-oss-20b", "--yes")
    removed(packed, "someone/mine", "--yes")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("whole", [True, False])
def test_other_models_of_the_cache_stay(cache: Path, packed: Path, whole: bool) -> None:
    snapshot = put(cache, "meta/llama")
    (snapshot / "config.json").write_text('{"model_type": "llama"}')
    if not whole:
        (snapshot / "model.safetensors").unlink()
    assert "is no gpt-oss model" in str(refused(packed, "meta/llama", "--yes"))
    assert (snapshot / "tokenizer.json").exists()


@pytest.mark.parametrize("origin", ["Ollama", "LM Studio", "llama.cpp"])
def test_another_program_s_file_only_when_insisted(
    home: Path,
    packed: Path,
    origin: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = {"LM Studio": ".lmstudio/models/a/b", "llama.cpp": ".cache/llama.cpp"}.get(origin)
    made = gguf_file(home / (place or "") / "x-00001-of-00002.gguf")
    second = made.with_name("x-00002-of-00002.gguf")
    second.write_bytes(b"GGUF")
    if origin == "Ollama":
        ollama = home / ".ollama/models"
        made = ollama_model(ollama, f"{LIBRARY}/gpt-oss/20b", made.read_bytes())
        name = "ollama/gpt-oss:20b"
    else:
        name = str(made)
        Path(f"{made}.json").write_text("{}")
    monkeypatch.setattr("gptoss.cli.models.can_ask", lambda: True)
    said = str(refused(packed, name))
    assert f"belongs to {origin}; remove it there" in said
    assert ("`ollama rm gpt-oss:20b`" in said) is (origin == "Ollama")
    assert made.exists()
    monkeypatch.chdir(home)
    removed(packed, os.path.relpath(name) if origin != "Ollama" else name, "--yes")
    assert not made.exists()
    if origin == "Ollama":
        assert list(home.joinpath(".ollama/models/blobs").iterdir()) == []
        assert not (home / ".ollama/models/manifests" / LIBRARY / "gpt-oss/20b").exists()
    else:
        assert not second.exists()
        assert Path(f"{made}.json").exists() is (origin != "llama.cpp")


def test_what_other_models_of_ollama_need_stays(home: Path, packed: Path) -> None:
    folder = home / ".ollama/models"
    data = gguf_file(home / "x.gguf").read_bytes()
    blob = ollama_model(folder, f"{LIBRARY}/gpt-oss/20b", data)
    # One with an adapter on it, which is not listed.
    adapter = {"mediaType": "application/vnd.ollama.image.adapter", "digest": "sha256:" + "0" * 64}
    model = {
        "mediaType": "application/vnd.ollama.image.model",
        "digest": blob.name.replace("sha256-", "sha256:"),
    }
    manifest(folder, f"{LIBRARY}/mine/latest", [model, adapter])
    removed(packed, "ollama/gpt-oss:20b", "--yes")
    assert blob.read_bytes() == data
    assert (folder / "manifests" / LIBRARY / "mine/latest").exists()
    assert "ollama/gpt-oss:20b" not in listed()


@pytest.mark.parametrize(
    "other",
    ["localhost:5000/me/gpt-oss/20b", f"{LIBRARY}/mine/with+plus", f"{LIBRARY}/deep/er/than/usual"],
)
def test_a_name_that_is_not_listed_needs_its_layers_too(
    home: Path, packed: Path, other: str
) -> None:
    folder = home / ".ollama/models"
    data = gguf_file(home / "x.gguf").read_bytes()
    blob = ollama_model(folder, f"{LIBRARY}/gpt-oss/20b", data)
    ollama_model(folder, other, data)
    (folder / "manifests" / ".DS_Store").write_bytes(b"\0")
    removed(packed, "ollama/gpt-oss:20b", "--yes")
    assert blob.read_bytes() == data


def test_manifests_that_cannot_be_read_keep_everything(
    home: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / ".ollama/models"
    blob = ollama_model(folder, f"{LIBRARY}/gpt-oss/20b", gguf_file(home / "x.gguf").read_bytes())
    strange = folder / "manifests" / LIBRARY / "strange"
    for plant in (
        lambda: strange.write_bytes(b"{"),
        lambda: strange.symlink_to(folder / "blobs"),
        lambda: os.mkfifo(strange),
    ):
        plant()
        assert "which files are its own cannot be told" in str(
            refused(packed, "ollama/gpt-oss:20b", "--yes")
        )
        strange.unlink()
    assert blob.exists()
    # A folder that is not to be read, which no user but root sees.
    read = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("strange"):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    strange.mkdir()
    monkeypatch.setattr(os, "scandir", scandir)
    assert "which files are its own" in str(refused(packed, "ollama/gpt-oss:20b", "--yes"))
    assert blob.exists()


@pytest.mark.parametrize("linked", ["blobs", "snapshots"])
def test_what_lies_behind_a_link_stays(
    cache: Path, packed: Path, tmp_path: Path, linked: str
) -> None:
    """Two repositories may share a folder of blobs by a link."""
    first = put(cache, "openai/gpt-oss-20b")
    shutil.copytree(first, first.with_name("2" * 40))
    folder, elsewhere = first.parents[1], tmp_path / "elsewhere"
    (folder / "blobs").mkdir(exist_ok=True)
    (folder / linked).rename(elsewhere)
    (folder / linked).symlink_to(elsewhere)
    kept = sorted(elsewhere.rglob("*"))
    for name in ("gpt-oss-20b", f"gpt-oss-20b@{'2' * 40}"):
        assert f"{linked} is a link to" in str(refused(packed, name, "--yes"))
    assert sorted(elsewhere.rglob("*")) == kept


def test_a_whole_commit_does_not_go_with_a_part_of_another(cache: Path, packed: Path) -> None:
    first = put(cache, "openai/gpt-oss-20b")
    second = first.with_name("2" * 40)
    shutil.copytree(first, second)
    (first.parents[1] / "refs").mkdir(exist_ok=True)
    (first.parents[1] / "refs" / "main").write_text(COMMIT)
    (first / "model.safetensors").unlink()
    said = str(refused(packed, "gpt-oss-20b", "--yes"))
    assert said.endswith(f"name what goes: gpt-oss-20b@{second.name}")
    assert (second / "model.safetensors").exists()
    removed(packed, f"gpt-oss-20b@{second.name}", "--yes")
    removed(packed, "gpt-oss-20b", "--yes")
    assert not first.parents[1].exists()


def test_a_gguf_file_of_the_cache(cache: Path, packed: Path) -> None:
    snapshot = put_empty(cache, "a/b-GGUF", COMMIT)
    blobs = cache / "models--a--b-GGUF" / "blobs"
    for name in ("one", "two"):
        blob = gguf_file(blobs / name)
        (snapshot / f"{name}.gguf").symlink_to(os.path.relpath(blob, snapshot))
    made = pack(snapshot / "one.gguf", packed)
    removed(packed, "a/b-GGUF/one.gguf", "--yes")
    assert [path.name for path in blobs.iterdir()] == ["two"]
    assert not made.exists()
    assert (snapshot / "two.gguf").exists()
    assert "there is no model" in str(refused(packed, "a/b-GGUF/one.gguf", "--yes"))


def test_what_is_not_to_be_removed(tmp_path: Path, home: Path, packed: Path) -> None:
    assert "is a part of this program" in str(refused(packed, "nano", "--yes"))
    mine = gguf_file(tmp_path / "mine" / "x.gguf")
    for path in (mine, mine.parent, nano.checkpoint_path()):
        error = refused(packed, str(path), "--yes")
        assert isinstance(error, RemovalError)
        assert "remove it yourself" in str(error)
    assert mine.exists()
    for name in ("nowhere", "gpt-oss-20b", "ollama/a:b", "a/b/c.gguf", "a\0b", "~nobody/x", ""):
        assert isinstance(refused(packed, name, "--yes"), GptossError)
