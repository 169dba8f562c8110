"""Which model runs where nobody names one."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

import gptoss
from gptoss import nano
from gptoss.model.checkpoint import open_checkpoint
from gptoss.runtime.default_model import ORDER
from gptoss.runtime.fitting import conversation_bytes
from gptoss.runtime.locating import locate_model
from tests.runtime.test_locating import put

COMMIT = "1" * 40
NANO = (nano.NAME, nano.checkpoint_path())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("GPTOSS_MODEL", raising=False)
    return tmp_path


def put_whole(cache: Path, name: str) -> Path:
    """A small model under the name of a released one."""
    snapshot = put(cache, f"openai/{name}", COMMIT)
    shutil.copytree(nano.checkpoint_path(), snapshot, dirs_exist_ok=True)
    return snapshot


@pytest.mark.parametrize("name", ORDER)
def test_a_released_one_comes_before_nano(cache: Path, name: str) -> None:
    put_whole(cache, "someone-elses")
    assert locate_model(None) == NANO
    snapshot = put_whole(cache, name)
    assert locate_model(None) == (name, snapshot)


def test_the_20b_comes_first(cache: Path) -> None:
    for name in reversed(ORDER):
        snapshot = put_whole(cache, name)
        assert locate_model(None) == (name, snapshot)


def test_what_is_named_comes_before_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_whole(cache, "gpt-oss-20b")
    assert locate_model("nano") == NANO
    monkeypatch.setenv("GPTOSS_MODEL", "nano")
    assert locate_model(None) == NANO


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_part_of_one_is_none(cache: Path, missing: str) -> None:
    (put_whole(cache, "gpt-oss-20b") / missing).unlink()
    if missing == "model.safetensors":
        # A tokenizer alone, as other programs hold it.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert locate_model(None) == NANO
        (cache / "models--openai--gpt-oss-20b" / "blobs").mkdir()
        (cache / "models--openai--gpt-oss-20b" / "blobs" / "0.gptoss.incomplete").touch()
    with pytest.warns(UserWarning, match="nano is taken: .*gpt-oss-20b"):
        assert locate_model(None) == NANO
    whole = put_whole(cache, "gpt-oss-120b")
    assert locate_model(None)[1] == whole


def test_one_that_is_damaged_is_none(cache: Path) -> None:
    (put_whole(cache, "gpt-oss-20b") / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.warns(UserWarning, match="nano is taken: gpt-oss-20b cannot be loaded: .* again"):
        assert locate_model(None) == NANO
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert locate_model(None, must_fit=False) == NANO


def test_one_that_does_not_fit_is_told_of(cache: Path) -> None:
    snapshot = put_whole(cache, "gpt-oss-20b")
    takes = conversation_bytes(open_checkpoint(snapshot))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert locate_model(None, budget=takes)[1] == snapshot
        # Who asks what it takes does not want another one.
        assert locate_model(None, budget=1, must_fit=False)[1] == snapshot
    with pytest.warns(UserWarning, match="nano is taken: gpt-oss-20b takes [0-9.]+ MiB "):
        assert locate_model(None, budget=takes - 1) == NANO


def test_the_library_takes_it_too(cache: Path) -> None:
    snapshot = put_whole(cache, "gpt-oss-20b")
    with gptoss.load() as model:
        assert (model.name, model.checkpoint.path) == ("gpt-oss-20b", snapshot)
    with pytest.warns(UserWarning, match="nano is taken"), pytest.raises(gptoss.GptossError):
        # By its own budget.
        gptoss.load(memory=1)
