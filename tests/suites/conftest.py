"""The model that plays the trajectories of published suites, and servers of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.suites.http_clients import Servers, serving
from tests.suites.played_model import PlayedModel, write_shape


@pytest.fixture(scope="module")
def played_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedModel]:
    with closing(PlayedModel(write_shape(tmp_path_factory.mktemp("played")))) as model:
        yield model


@pytest.fixture(scope="module")
def servers(played_model: PlayedModel) -> Iterator[Servers]:
    with serving(played_model) as made:
        yield made
