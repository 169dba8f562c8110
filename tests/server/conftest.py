"""Servers for the tests: in process, and real ones on a free port for the clients of others."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from gptoss.runtime import LoadedModel
from gptoss.server.app import create_app
from gptoss.server.run import _listen
from gptoss.server.service import Service
from gptoss.server.settings import Keys, ServerSettings, _digest
from gptoss.server.transport.server import HttpServer

KEY = "sk-a-key-of-the-tests-alone"
MakeClient = Callable[..., TestClient]
MakeServer = Callable[..., "LiveServer"]


class KeptService(Service):
    """A service that leaves the model to the tests that follow."""

    def close(self) -> None:
        """But not the rest."""
        self.pools.close()
        self.containers.close()


class LiveServer:
    """A real server on a free port of this machine."""

    def __init__(self, app: FastAPI, service: Service) -> None:
        self.app = app
        self.service = service
        self.listener = _listen(dataclasses.replace(service.settings, host="127.0.0.1", port=0))
        self._server = HttpServer(app, service.settings.connections)
        self._thread = threading.Thread(
            target=self._server.run, args=([self.listener],), daemon=True
        )
        self._port = int(self.listener.getsockname()[1])
        self._thread.start()
        wait_until(lambda: self._server.started and service.is_ready)

    @property
    def port(self) -> int:
        """The one it took."""
        return self._port

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def num_connections(self) -> int:
        """Those that have a place."""
        return self._server.places.num_taken

    @property
    def num_at_work(self) -> int:
        """Those with a request in progress."""
        return self._server.places.num_working

    def close(self) -> None:
        """End it, without waiting for those who still read."""
        self._server.should_exit = True
        self._thread.join(5)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(5)


def wait_until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    """Fail if it does not become so."""
    latest = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < latest, "waited in vain"
        time.sleep(0.01)


def keys_of(*keys: str) -> Keys:
    """As they come from a file."""
    return Keys(tuple(_digest(key) for key in keys))


def sums(question: str = "12 + 34", **more: Any) -> dict[str, Any]:
    """A chat request that nano can answer."""
    return {"messages": [{"role": "user", "content": question}], "temperature": 0, **more}


@pytest.fixture
def make_client(nano_model: LoadedModel) -> Iterator[MakeClient]:
    """Makes a client of a server of its own: `model` is nano unless another is given, the rest are settings."""
    with contextlib.ExitStack() as stack:

        def make(
            model: LoadedModel | None = None, headers: dict[str, str] | None = None, **settings: Any
        ) -> TestClient:
            service = KeptService(ServerSettings(**settings), lambda: model or nano_model)
            client = TestClient(
                create_app(service),
                base_url="http://localhost",
                raise_server_exceptions=False,
                headers=headers,
            )
            client.app.state.service = service
            stack.enter_context(client)
            wait_until(lambda: service.is_ready)
            return client

        yield make


@pytest.fixture
def service(nano_model: LoadedModel) -> Service:
    return KeptService(ServerSettings(), lambda: nano_model)


@pytest.fixture
def app(service: Service) -> FastAPI:
    return create_app(service)


@pytest.fixture
def client(app: FastAPI, service: Service) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as made:
        wait_until(lambda: service.is_ready)
        yield made


@pytest.fixture
def make_server(nano_model: LoadedModel) -> Iterator[MakeServer]:
    """Makes a real server: `model` is nano unless another is given, the rest are settings."""
    with contextlib.ExitStack() as stack:

        def make(model: LoadedModel | None = None, **settings: Any) -> LiveServer:
            made = KeptService(ServerSettings(**settings), lambda: model or nano_model)
            server = LiveServer(create_app(made), made)
            stack.callback(server.close)
            return server

        yield make


@pytest.fixture(scope="session")
def live_server(nano_model: LoadedModel) -> Iterator[LiveServer]:
    made = KeptService(ServerSettings(), lambda: nano_model)
    server = LiveServer(create_app(made), made)
    yield server
    server.close()


@pytest.fixture
def anthropic_sdk(live_server: LiveServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=live_server.url, api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
def openai_sdk(live_server: LiveServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=live_server.url + "/v1", api_key="none", max_retries=0) as made:
        yield made
