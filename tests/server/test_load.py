"""Many clients, clients that leave, and requests that fail beside others. Proofs 16, 23 and 26 to 28."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import threading
import time
from typing import Any

import httpx
import openai
import pytest

from gptoss.engine import Shares
from gptoss.runtime import LoadedModel
from gptoss.server.app import create_app
from gptoss.server.settings import ServerSettings
from tests.conftest import ScriptedModel
from tests.server.conftest import KeptService, MakeClient, MakeServer, sums, wait_until

CHAT = "/v1/chat/completions"
# Without reading on, it would write for minutes.
ENDLESS = "<|channel|>final<|message|>" + "and on " * 2000
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
SPECIAL = ("<|start|>", "<|end|>", "<|channel|>", "<|message|>", "<|return|>", "<|call|>")


def test_a_bad_one_ends_alone(make_server: MakeServer, random_model: LoadedModel) -> None:
    server = make_server(random_model)
    bad = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"pattern": "(["}}}

    async def ask_all() -> tuple[int, list[str | None]]:
        async with openai.AsyncOpenAI(
            base_url=server.url + "/v1", api_key="x", max_retries=0
        ) as sdk:

            async def read(seed: int) -> str | None:
                fields = {**sums(), "temperature": 1.5, "seed": seed}
                chunks = await sdk.chat.completions.create(
                    model="random", stream=True, max_completion_tokens=200, **fields
                )
                reason = None
                async for chunk in chunks:
                    reason = chunk.choices[0].finish_reason or reason
                return reason

            readers = [asyncio.create_task(read(seed)) for seed in range(8)]
            await asyncio.sleep(0.05)
            with pytest.raises(openai.BadRequestError) as caught:
                await sdk.chat.completions.create(
                    model="random",
                    response_format=bad,
                    **sums(),  # type: ignore[call-overload]
                )
            return caught.value.status_code, await asyncio.gather(*readers)

    status, reasons = asyncio.run(ask_all())
    assert status == 400
    assert set(reasons) <= {"stop", "length"}


def test_a_full_queue(make_server: MakeServer, scripted_model: ScriptedModel) -> None:
    model = scripted_model(ENDLESS, 0.01)
    model._worker._places = Shares(1)
    server = make_server(model)
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with (
        httpx.Client(base_url=server.url, timeout=10) as web,
        web.stream("POST", CHAT, json=body),
    ):
        wait_until(lambda: model.load_now.running == 1)
        began = time.monotonic()
        reply = web.post(CHAT, json={**body, "n": 3})
        assert time.monotonic() - began < 1
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_client_that_goes_frees_the_engine(
    make_server: MakeServer, scripted_model: ScriptedModel, is_stream: bool
) -> None:
    model = scripted_model(ENDLESS, 0.01)
    server = make_server(model)
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": is_stream}
    with httpx.Client(base_url=server.url, timeout=1.0) as web:
        if is_stream:
            with web.stream("POST", CHAT, json=body) as reply:
                # A generator that nobody holds is closed at once, and httpx closes the connection with it.
                lines = reply.iter_lines()
                next(lines)
                wait_until(lambda: model.load_now.running == 1)
        else:
            with pytest.raises(httpx.ReadTimeout):
                web.post(CHAT, json=body)
    # Long before it would end by itself.
    wait_until(lambda: model.load_now.running == 0, 15)
    assert server.service._running == set()


def test_many_that_come_and_go(make_server: MakeServer, random_model: LoadedModel) -> None:
    server = make_server(random_model)
    body = {**sums(max_tokens=2000), "temperature": 1.5, "stream": True}
    with httpx.Client(base_url=server.url, timeout=10) as web:
        for _ in range(40):
            with web.stream("POST", CHAT, json=body) as reply:
                lines = reply.iter_lines()
                next(lines)
    wait_until(lambda: random_model.load_now.running + random_model.load_now.waiting == 0)
    assert server.service._running == set()


def test_two_hundred_that_leave_at_once(make_server: MakeServer, random_model: LoadedModel) -> None:
    """Before the first byte, or while it is on its way."""
    server = make_server(random_model)
    asked = {**sums(max_tokens=4000), "temperature": 1.5, "stream": True}
    body = json.dumps(asked).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    def come_and_go(num: int) -> tuple[int, int]:
        """Files and threads that are left."""
        for index in range(num):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(request)
                time.sleep(0.0005 * (index % 20))
        wait_until(lambda: server.service._running == set())
        wait_until(lambda: random_model.load_now.running + random_model.load_now.waiting == 0)
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    files, threads = come_and_go(50)
    more_files, more_threads = come_and_go(150)
    # The event loop's pool has 32 threads at most, and closes connections in its own time.
    assert more_files < files + 20
    assert more_threads < threads + 32


def test_no_special_token_in_any_field(make_client: MakeClient, random_model: LoadedModel) -> None:
    client = make_client(random_model)
    for seed in range(12):
        fields = {"seed": seed, "temperature": 1.5, "max_tokens": 80, "tools": [TOOL]}
        for more in ({}, {"stream": True}, {"logprobs": True}):
            text = client.post(CHAT, json=sums(**fields, **more)).text
            said = re.sub(r'"repairs":\[[^]]*\]', "", text)
            assert not any(name in said for name in SPECIAL), said


@pytest.mark.parametrize("is_raised", [True, False])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (CHAT, {"messages": [{"role": "user", "content": "x"}], "max_tokens": 2000}),
        ("/v1/completions", {"prompt": "x", "max_tokens": 2000}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 2000}),
        ("/v1/responses", {"input": "x", "store": False}),
    ],
)
def test_a_client_that_goes_before_the_first_event(
    scripted_model: ScriptedModel, path: str, fields: dict[str, Any], is_raised: bool
) -> None:
    model = scripted_model(ENDLESS, 0.01)
    service = KeptService(ServerSettings(), lambda: model)
    app = create_app(service)
    body = json.dumps({**fields, "stream": True}).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }

    async def ask() -> None:
        has_gone = asyncio.Event()
        messages = [{"type": "http.request", "body": body}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await has_gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
                has_gone.set()
                if is_raised:
                    raise OSError("the client has gone")
                await asyncio.sleep(0.2)

        service.load()
        while not service.is_ready:
            await asyncio.sleep(0.01)
        with contextlib.suppress(OSError):
            await app(scope, receive, send)
        assert service._running == set()
        while model.load_now.running:
            await asyncio.sleep(0.01)

    with model:
        asyncio.run(asyncio.wait_for(ask(), 10))
