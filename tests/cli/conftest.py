"""A user's home, with the folders where programs keep models."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a user with nothing in it, and of all programs' folders the usual ones."""
    for name in ("HF_HOME", "LLAMA_CACHE", "XDG_CACHE_HOME", "GPTOSS_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / ".ollama/models"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def cache(home: Path) -> Path:
    return home / ".cache" / "huggingface" / "hub"
