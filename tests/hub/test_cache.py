"""Where the hub's cache lies, as its library has it, and what is a model in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss.hub.cache import cache_folder, find_snapshot, held_repos

REPO = "someone/model"
COMMIT, OTHER = "1" * 40, "2" * 40
VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME", "PLACE")
CASES = [
    {"HOME": "/h"},
    {"HOME": "/h", "XDG_CACHE_HOME": "/x"},
    {"HOME": "/h", "XDG_CACHE_HOME": "/x", "HF_HOME": "~/f"},
    {"HOME": "/h", "PLACE": "/p", "HF_HOME": "$PLACE/f"},
    {"HOME": "/h", "HF_HOME": "/f", "HUGGINGFACE_HUB_CACHE": "/u"},
    {"HOME": "/h", "HF_HOME": "/f", "HUGGINGFACE_HUB_CACHE": "/u", "HF_HUB_CACHE": "~/c"},
]


def test_the_folder_is_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import importlib, json, os, sys\n"
        "from huggingface_hub import constants\n"
        "for case in json.loads(sys.argv[1]):\n"
        "    for name in json.loads(sys.argv[2]): os.environ.pop(name, None)\n"
        "    os.environ.update(case)\n"
        "    print(importlib.reload(constants).HF_HUB_CACHE)\n"
    )
    command = [sys.executable, "-c", code, json.dumps(CASES), json.dumps(VARIABLES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    ours = []
    for case in CASES:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in case.items():
            monkeypatch.setenv(name, value)
        ours.append(str(cache_folder()))
    assert ours == done.stdout.split()


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return tmp_path / "models--someone--model"


def put(repo: Path, commit: str, name: str = "model.safetensors", age_s: int = 0) -> Path:
    path = repo / "snapshots" / commit / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    os.utime(repo / "snapshots" / commit, (10**9 - age_s, 10**9 - age_s))
    return repo / "snapshots" / commit


def refer(repo: Path, text: str, name: str = "main") -> None:
    (repo / "refs").mkdir(parents=True, exist_ok=True)
    (repo / "refs" / name).write_text(text)


def test_main_comes_first(repo: Path) -> None:
    assert find_snapshot(REPO) is None
    newest, main = put(repo, COMMIT), put(repo, OTHER, age_s=50)
    assert find_snapshot(REPO) == newest
    refer(repo, f"{OTHER}\n")
    assert find_snapshot(REPO) == main
    assert find_snapshot(REPO, COMMIT) == newest
    assert find_snapshot(REPO, "main") == main
    assert find_snapshot(REPO, "v1") is None


@pytest.mark.parametrize("text", ["../../x", "", "x" * 1000, "\xff"])
def test_a_reference_that_is_none(repo: Path, text: str) -> None:
    put(repo, COMMIT)
    refer(repo, text)
    assert find_snapshot(REPO) is None


@pytest.mark.parametrize("revision", ["../refs/main", "/etc/passwd", "a/../main", ""])
def test_a_revision_leads_nowhere(repo: Path, revision: str) -> None:
    put(repo, COMMIT)
    refer(repo, COMMIT)
    assert find_snapshot(REPO, revision) is None


def test_a_configuration_without_weights_is_no_model(repo: Path) -> None:
    folder = put(repo, COMMIT, "config.json")
    refer(repo, COMMIT)
    assert find_snapshot(REPO) is None
    # A link to a blob that was removed.
    (folder / "model.safetensors").symlink_to("../../blobs/x")
    assert find_snapshot(REPO) is None
    (folder / "original").mkdir()
    (folder / "original" / "model.safetensors").write_bytes(b"")
    assert find_snapshot(REPO) == folder


def test_the_models_that_are_held(repo: Path) -> None:
    repo.mkdir()
    for name in ("datasets--a--b", ".locks", "models--alone", "models--b--c--d"):
        (repo.parent / name).mkdir()
    (repo.parent / "models--a--b").write_text("a file")
    assert list(held_repos()) == ["b/c--d", "someone/model"]


def test_nothing_of_the_hub_is_imported_before_it_is_asked() -> None:
    code = (
        "import sys, gptoss.cli.main, gptoss.hub.cache, gptoss.runtime.locating\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'huggingface_hub', 'httpx2', 'hf_xet', 'filelock'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"
