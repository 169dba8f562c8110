"""From a name or a path to a folder: nano, folders, and models in the hub's cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gptoss import nano
from gptoss.errors import CheckpointError
from gptoss.runtime.locating import locate_model

COMMIT, OTHER = "1" * 40, "2" * 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, and an empty folder to be in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("GPTOSS_MODEL", raising=False)
    return tmp_path / "hub"


def put(cache: Path, repo: str, commit: str, *, is_main: bool = True) -> Path:
    folder = cache / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    (folder / "refs").mkdir(exist_ok=True)
    if is_main:
        (folder / "refs" / "main").write_text(commit)
    return snapshot


def test_nano_and_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert locate_model(None) == locate_model("nano") == ("nano", nano.checkpoint_path())
    assert locate_model(nano.checkpoint_path()) == ("nano", nano.checkpoint_path())
    monkeypatch.setenv("GPTOSS_MODEL", str(tmp_path))
    assert locate_model(None) == (tmp_path.name, tmp_path)


@pytest.mark.parametrize("name", ["gpt-oss-20b", "openai/gpt-oss-20b", "gpt-oss-20b@main"])
def test_a_pulled_model_by_its_name(cache: Path, name: str) -> None:
    snapshot = put(cache, "openai/gpt-oss-20b", COMMIT)
    assert locate_model(name) == ("gpt-oss-20b", snapshot)


def test_one_of_its_revisions(cache: Path) -> None:
    main = put(cache, "openai/gpt-oss-20b", COMMIT)
    other = put(cache, "openai/gpt-oss-20b", OTHER, is_main=False)
    assert locate_model("gpt-oss-20b")[1] == main
    assert locate_model(f"gpt-oss-20b@{OTHER}") == ("gpt-oss-20b", other)


def test_the_folder_of_a_commit_has_its_models_name(cache: Path) -> None:
    snapshot = put(cache, "someone/mine", COMMIT)
    assert locate_model(snapshot) == ("mine", snapshot)
    assert locate_model("someone/mine") == ("mine", snapshot)


def test_the_variable_may_name_a_pulled_model(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = put(cache, "openai/gpt-oss-120b", COMMIT)
    monkeypatch.setenv("GPTOSS_MODEL", "gpt-oss-120b")
    assert locate_model(None) == ("gpt-oss-120b", snapshot)


def test_a_folder_comes_first(cache: Path) -> None:
    put(cache, "openai/gpt-oss-20b", COMMIT)
    os.mkdir("gpt-oss-20b")
    assert locate_model("gpt-oss-20b") == ("gpt-oss-20b", Path("gpt-oss-20b"))


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("gpt-oss-20b", "`gptoss pull gpt-oss-20b`"),
        ("openai/gpt-oss-120b", "`gptoss pull gpt-oss-120b`"),
        ("someone/mine", "`gptoss pull someone/mine`"),
        (f"gpt-oss-20b@{OTHER}", f"`gptoss pull gpt-oss-20b --revision {OTHER}`"),
    ],
)
def test_what_is_not_here_is_offered(cache: Path, name: str, command: str) -> None:
    # A part of it is not it.
    (cache / "models--openai--gpt-oss-20b" / "snapshots" / OTHER).mkdir(parents=True)
    with pytest.raises(CheckpointError, match="there is no model") as caught:
        locate_model(name)
    assert command in str(caught.value)
    assert str(cache) in str(caught.value)


@pytest.mark.parametrize(
    "name", ["nowhere", "a/b/c", "./x/y", "../x", "a\0b", "x" * 5000, "~nobody/x", "a/b.gguf"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        locate_model(name)
    assert "name the folder of a checkpoint" in str(caught.value)
    assert "gptoss pull" not in str(caught.value)
