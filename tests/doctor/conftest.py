"""A copy of a good small model for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.doctor.models import make_model


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model that copies are made of."""
    return make_model(tmp_path_factory.mktemp("doctor") / "small")


@pytest.fixture
def model(made: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "small"))
