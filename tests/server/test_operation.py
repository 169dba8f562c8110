"""What an operator asks: whether it runs, how much it does, and what it logs."""

from __future__ import annotations

import logging
import re
import threading
from typing import Any

import anthropic
import openai
import pytest
from starlette.testclient import TestClient

import gptoss
from gptoss.errors import CheckpointError
from gptoss.runtime import LoadedModel
from gptoss.server.app import create_app
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from tests.server.conftest import KeptService, LiveServer, MakeClient, sums, wait_until

CHAT = "/v1/chat/completions"
NAMES = (
    "num_requests_running",
    "num_requests_waiting",
    "kv_cache_usage_perc",
    "http_requests_total",
    "request_success_total",
    "prompt_tokens_total",
    "prefix_cache_hits_total",
    "generation_tokens_total",
    "reasoning_tokens_total",
    "repairs_total",
    "time_to_first_token_seconds_bucket",
    "inter_token_latency_seconds_bucket",
    "e2e_request_latency_seconds_bucket",
    "request_queue_time_seconds_bucket",
)


def opened(service: Service) -> TestClient:
    app = create_app(service)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


class TestReady:
    """From the start to the end."""

    def test_while_the_model_is_being_opened(self, nano_model: LoadedModel) -> None:
        may_open = threading.Event()

        def slowly() -> LoadedModel:
            may_open.wait(20)
            return nano_model

        service = KeptService(ServerSettings(), slowly)
        with opened(service) as client:
            assert client.get("/health").status_code == 200
            assert client.get("/metrics").status_code == 200
            for path in ("/ready", "/ping", "/v1/models"):
                assert client.get(path).status_code == 503, path
            for path in (CHAT, "/invocations", "/render"):
                reply = client.post(path, json=sums())
                assert reply.status_code == 503, path
                assert int(reply.headers["retry-after"]) >= 1
                assert reply.json()["error"]["type"] == "overloaded_error"
            may_open.set()
            wait_until(lambda: service.is_ready)
            assert client.get("/ready").json() == {"status": "ready"}
            assert client.get("/ping").status_code == 200
            assert client.post(CHAT, json=sums()).status_code == 200

    def test_a_model_that_cannot_be_opened(self) -> None:
        def fail() -> LoadedModel:
            raise CheckpointError("got no weights")

        service = KeptService(ServerSettings(), fail)
        with opened(service) as client:
            wait_until(lambda: service.failure is not None)
            assert client.get("/ready").json() == {"status": "got no weights"}
            assert client.get("/ping").status_code == 503
            reply = client.post(CHAT, json=sums())
            assert reply.status_code == 503
            assert "got no weights" in reply.json()["error"]["message"]

    def test_draining(self, client: TestClient, service: Service) -> None:
        service.is_draining = True
        assert client.get("/ready").status_code == 503
        assert client.post(CHAT, json=sums()).status_code == 503
        assert client.get("/health").status_code == 200

    def test_version(self, client: TestClient) -> None:
        assert client.get("/version").json() == {"version": gptoss.__version__}


class TestModels:
    """`/v1/models`."""

    def test_with_the_client(self, live_server: LiveServer, nano_model: LoadedModel) -> None:
        with openai.OpenAI(base_url=live_server.url + "/v1", api_key="x") as sdk:
            (model,) = sdk.models.list().data
            assert (model.id, model.object, model.owned_by) == ("nano", "model", "gptoss")
            assert sdk.models.retrieve("nano") == model
            with pytest.raises(openai.NotFoundError):
                sdk.models.retrieve("gpt-4")
        made: Any = model
        assert made.max_model_len == made.meta["context"] == nano_model.context

    def test_with_anthropics_client(self, live_server: LiveServer) -> None:
        with anthropic.Anthropic(base_url=live_server.url, api_key="x") as sdk:
            (model,) = sdk.models.list().data
            assert (model.id, model.type, model.display_name) == ("nano", "model", "nano")
            assert sdk.models.retrieve("nano") == model

    def test_further_names(self, make_client: MakeClient) -> None:
        client = make_client(served_names=("gpt-oss-20b", "openai/gpt-oss-20b"))
        names = [model["id"] for model in client.get("/v1/models").json()["data"]]
        assert names == ["nano", "gpt-oss-20b", "openai/gpt-oss-20b"]
        assert client.get("/v1/models/openai/gpt-oss-20b").json()["id"] == "openai/gpt-oss-20b"
        for name in (*names, None):
            reply = client.post(CHAT, json=sums(max_tokens=1, model=name))
            assert reply.json()["model"] == (name or "nano")


class TestMetrics:
    """For Prometheus."""

    def test_names(self, client: TestClient) -> None:
        client.post(CHAT, json=sums())
        reply = client.get("/metrics")
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        for name in NAMES:
            assert f"gptoss:{name}" in reply.text, name

    def test_counts(self, client: TestClient) -> None:
        usage = client.post(CHAT, json=sums()).json()["usage"]
        client.post(CHAT, json={"messages": []})
        client.get("/none")
        text = client.get("/metrics").text

        def value(name: str) -> float:
            found = re.search(rf"^gptoss:{re.escape(name)} (\S+)$", text, re.MULTILINE)
            assert found is not None, name
            return float(found[1])

        assert value("prompt_tokens_total") == usage["prompt_tokens"]
        assert value("generation_tokens_total") == usage["completion_tokens"]
        details = usage["completion_tokens_details"]
        assert value("reasoning_tokens_total") == details["reasoning_tokens"]
        assert value('request_success_total{finished_reason="stop"}') == 1
        assert value(f'http_requests_total{{route="{CHAT}",status="200"}}') == 1
        assert value(f'http_requests_total{{route="{CHAT}",status="400"}}') == 1
        assert value('http_requests_total{route="other",status="404"}') == 1
        assert value("num_requests_running") == 0

    def test_routes_that_are_none_make_no_labels(self, client: TestClient) -> None:
        for index in range(20):
            client.get(f"/none/{index}")
            client.get(f"/v1/models/none-{index}")
        assert "none" not in client.get("/metrics").text


class TestLog:
    """Neither what was asked nor who asked."""

    def test_request_ids(self, client: TestClient) -> None:
        first, second = (client.get("/health").headers["x-request-id"] for _ in range(2))
        assert first.startswith("req_")
        assert first != second
        reply = client.get("/health", headers={"x-request-id": "mine"})
        assert reply.headers["x-request-id"] == "mine"
        long = client.get("/health", headers={"x-request-id": "a" * 1000})
        assert len(long.headers["x-request-id"]) <= 100
        assert client.get("/none").headers["x-request-id"]

    def test_what_is_said(self, client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "gptoss")
        ask = {"messages": [{"role": "user", "content": "a secret 12 + 34"}], "max_tokens": 5}
        for more in ({}, {"stream": True}, {"n": 99}, {"temperature": "a secret"}):
            client.post(CHAT, json={**ask, **more})
        client.get("/v1/models/a-secret?key=secret", headers={"authorization": "Bearer secret"})
        assert f"method=POST route={CHAT} status=200" in caplog.text
        assert "method=GET route=/v1/models/{name:path} status=404" in caplog.text
        assert "secret" not in caplog.text

    def test_a_request_id_cannot_forge_a_line(
        self, client: TestClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "gptoss")
        client.get("/health", headers={b"x-request-id": b"a\x0bforged\x85line"})  # type: ignore[dict-item]
        assert all(len(record.getMessage().splitlines()) == 1 for record in caplog.records)


class TestFaults:
    """What goes wrong on our side."""

    def test_a_fault_ends_its_request_alone(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def fail(*_: Any) -> Any:
            raise RuntimeError("inner words")

        with monkeypatch.context() as patched:
            patched.setattr("gptoss.server.service.Service.begin", fail)
            reply = client.post(CHAT, json=sums())
        assert reply.status_code == 500
        assert reply.json()["error"]["type"] == "server_error"
        assert "inner words" not in reply.text
        assert client.post(CHAT, json=sums()).status_code == 200

    def test_an_engine_that_has_ended_is_not_ready(
        self, make_client: MakeClient, scripted_model: Any
    ) -> None:
        model = scripted_model("<|channel|>final<|message|>Hi<|return|>")
        client = make_client(model)
        model.close()
        assert client.get("/ready").status_code == 503
        assert client.get("/ping").status_code == 503
        assert client.post(CHAT, json=sums()).status_code in (500, 503)

    def test_there_is_a_document(self, client: TestClient) -> None:
        paths = client.get("/openapi.json").json()["paths"]
        for path in (CHAT, "/v1/completions", "/v1/messages", "/invocations", "/tokenize"):
            assert "post" in paths[path]
            assert "422" not in paths[path]["post"]["responses"]
