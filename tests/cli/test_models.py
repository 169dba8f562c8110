"""`gptoss models`, as a person meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gptoss import nano
from gptoss.runtime import found_models
from tests.cli import test_cli

COMMIT = "1" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    environment = {**test_cli.ENVIRONMENT, "HF_HUB_CACHE": str(tmp_path), "COLUMNS": "200"}
    monkeypatch.setattr(test_cli, "ENVIRONMENT", environment)
    return tmp_path


def put(cache: Path, repo: str) -> Path:
    """A small model under another's name."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    shutil.copytree(nano.checkpoint_path(), snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return snapshot


def listed() -> dict[str, dict[str, Any]]:
    said = json.loads(test_cli.output("models", "--json"))
    return {model["name"]: model for model in said["models"]}


def test_the_embedded_one_is_always_there(cache: Path) -> None:
    (model,) = listed().values()
    assert model["directory"] == str(nano.checkpoint_path())
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
        "directory": str(snapshot),
    }
    assert "`gptoss pull gpt-oss-120b` fetches the rest" in found["gpt-oss-120b"]["problem"]
    assert found["gpt-oss-120b"]["directory"] is None
    assert str(damaged) in found["someone/damaged"]["problem"]
    assert found["someone/damaged"]["fits"] is False
    lines = test_cli.output("models").splitlines()
    assert [line.split()[0] for line in lines] == list(found)
    assert "takes" in lines[0]
    # Each name is one that `--model` takes.
    for name in ("nano", "gpt-oss-20b", "someone/mine"):
        assert json.loads(test_cli.output("info", "--model", name, "--json"))["layers"] == 5


def test_that_of_the_variable(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = put(cache, "openai/gpt-oss-20b")
    monkeypatch.setitem(test_cli.ENVIRONMENT, "GPTOSS_MODEL", str(snapshot))
    found = listed()
    # The same folder is told once.
    assert list(found) == ["nano", str(snapshot)]
    monkeypatch.setitem(test_cli.ENVIRONMENT, "GPTOSS_MODEL", "nowhere")
    assert "there is no model 'nowhere'" in listed()["nowhere"]["problem"]


def test_one_that_does_not_fit(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gptoss.cli.models import models
    from gptoss.runtime import machine_memory

    monkeypatch.delenv("GPTOSS_MODEL", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    (model,) = found_models.find_models()
    monkeypatch.setattr(machine_memory, "available_memory", lambda: model.takes - 1)
    models()
    assert "does not fit into" in capsys.readouterr().out
