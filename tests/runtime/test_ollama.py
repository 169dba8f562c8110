"""Ollama's folder: names as it writes them, manifests that nobody vouches for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gptoss.errors import RemovalError
from gptoss.runtime import ollama
from gptoss.runtime.ollama import find_ollama, layers_of_others, ollama_folders, ollama_models
from tests.runtime.other_programs import MODEL_LAYER, blob, manifest, ollama_model

LIBRARY = "registry.ollama.ai/library"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{LIBRARY}/gpt-oss/20b", "ollama/gpt-oss:20b"),
        ("registry.ollama.ai/someone/mine/latest", "ollama/someone/mine:latest"),
        ("hf.co/unsloth/gpt-oss-20b-GGUF/Q8_0", "ollama/hf.co/unsloth/gpt-oss-20b-GGUF:Q8_0"),
        ("hf.co/library/x/y", "ollama/hf.co/library/x:y"),
    ],
)
def test_a_name_leads_back(folder: Path, path: str, name: str) -> None:
    data = ollama_model(folder, path, b"weights")
    (found,) = ollama_models(folder)
    assert (found.name, found.blob) == (name, data)
    assert find_ollama(name) == found
    # The configuration goes with it, and the licence.
    assert len(found.layers) == 3


@pytest.mark.parametrize(
    "name",
    [
        "ollama/gpt-oss",
        "ollama/gpt-oss:120b",
        "gpt-oss:20b",
        "ollama/../../x:y",
        "ollama/:",
        "ollama/a/b/c/d:e",
        "ollama/a:../b",
    ],
)
def test_names_that_are_none(folder: Path, name: str) -> None:
    ollama_model(folder, f"{LIBRARY}/gpt-oss/20b", b"weights")
    assert find_ollama(name) is None


DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"layers": 3}',
        '{"layers": [1, null, {}]}',
        json.dumps(
            {"layers": [{"mediaType": MODEL_LAYER, "digest": "sha256:../../../etc/passwd"}]}
        ),
        json.dumps({"layers": [{"mediaType": MODEL_LAYER, "digest": DIGEST}]}),
        json.dumps({"layers": [{"mediaType": MODEL_LAYER, "digest": [DIGEST]}]}),
        json.dumps({"layers": [{"mediaType": "text", "digest": DIGEST}] * 200}),
    ],
)
def test_damaged_manifests_are_left_out(folder: Path, content: str) -> None:
    manifest(folder, f"{LIBRARY}/gpt-oss/20b", []).write_text(content)
    assert list(ollama_models(folder)) == []


def test_a_model_that_is_more_than_its_file_is_left_out(folder: Path) -> None:
    """With an adapter, or in several files, whose order nobody says."""
    first, _ = blob(folder, b"one")
    second, _ = blob(folder, b"two")
    adapter = {"mediaType": "application/vnd.ollama.image.adapter", "digest": second}
    manifest(folder, f"{LIBRARY}/a/b", [{"mediaType": MODEL_LAYER, "digest": first}, adapter])
    both = [{"mediaType": MODEL_LAYER, "digest": digest} for digest in (first, second)]
    manifest(folder, f"{LIBRARY}/a/c", both)
    assert list(ollama_models(folder)) == []


def test_folders_that_are_none(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    assert list(ollama_models(folder)) == []
    (folder / "manifests").symlink_to(folder)
    (folder / "manifests" / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    assert list(ollama_models(folder)) == []
    (tmp_path / "file").write_bytes(b"x")
    assert list(ollama_models(tmp_path / "file")) == []


def test_no_more_than_so_many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama, "_MOST_MANIFESTS", 3)
    for number in range(5):
        ollama_model(folder, f"{LIBRARY}/gpt-oss/{number}", b"weights")
    assert len(list(ollama_models(folder))) == 3


def test_layers_of_others(folder: Path) -> None:
    ollama_model(folder, f"{LIBRARY}/gpt-oss/20b", b"weights")
    (model,) = ollama_models(folder)
    assert layers_of_others(folder, model.manifest) == set()
    ollama_model(folder, f"{LIBRARY}/gpt-oss/latest", b"weights")
    assert layers_of_others(folder, model.manifest) == set(model.layers)
    manifest(folder, f"{LIBRARY}/odd/one", []).write_text("no manifest")
    with pytest.raises(RemovalError, match="odd/one cannot be read"):
        layers_of_others(folder, model.manifest)


def test_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(ollama_folders()) == 1
    monkeypatch.delenv("OLLAMA_MODELS")
    monkeypatch.setenv("HOME", "/home/me")
    service = "/usr/share/ollama/.ollama/models"
    assert list(map(str, ollama_folders())) == ["/home/me/.ollama/models", service]
