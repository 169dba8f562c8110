"""A cache of its own for each test, and the stand-in as the hub. Nothing leaves this machine."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from huggingface_hub import close_session, constants
from typer.testing import CliRunner

from gptoss import nano
from gptoss.cli.main import app
from gptoss.hub import store
from tests.hub.standin import StandIn

TOKEN = "hf_secret"
Pull = Callable[..., Result]


def model_files(seed: int = 0) -> dict[str, bytes]:
    """A repository as it is published, small: what a model needs, and what it does not."""
    folder = nano.checkpoint_path()
    names = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
    files = {name: (folder / name).read_bytes() for name in names}
    noise = random.Random(seed)
    files |= {
        "model-00000-of-00001.safetensors": noise.randbytes(700_001),
        "model-00001-of-00001.safetensors": noise.randbytes(300_007),
        "model.safetensors.index.json": b'{"weight_map": {}}',
        "chat_template.jinja": b"{{ messages }}",
        "LICENSE": b"Apache",
        "README.md": b"# It",
        "original/model.safetensors": noise.randbytes(90_001),
        "original/config.json": files["config.json"],
        "original/dtypes.json": b"{}",
        "metal/model.bin": noise.randbytes(1000),
    }
    return files


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the cache, empty; no proxy, no token of this machine's user, no waiting."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    folder = tmp_path / "hf"
    monkeypatch.setenv("HF_HOME", str(folder))
    # The library's own fast path speaks a protocol that the stand-in does not have.
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 5)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.001)
    # Its client keeps the proxies that it found when it was made.
    close_session()
    yield folder / "hub"
    close_session()


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with StandIn(model_files()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def pull(hub: StandIn) -> Pull:
    """The command; an error of the user's is the result's exception."""
    return lambda *arguments: CliRunner().invoke(app, ["pull", *arguments])


def facts(result: Result) -> dict[str, object]:
    """What `--json` says."""
    assert result.exception is None, (result.exception, result.output)
    found: dict[str, object] = json.loads(result.stdout)
    return found


def refusal(result: Result) -> str:
    """The message of what was refused, as a person reads it: one line."""
    from gptoss.errors import PullError

    assert isinstance(result.exception, PullError), (result.exception, result.output)
    said = str(result.exception)
    assert "\n" not in said
    return said
