"""Whoever goes away while a tool runs ends it: nothing runs on for nobody."""

from __future__ import annotations

import gc
import json
import socket
import threading
from collections.abc import Callable

import httpx
import pytest

from gptoss.harmony import ToolDescription
from gptoss.tools import Invocation, Tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import LiveServer, MakeServer, wait_until
from tests.server.responses_shapes import Json
from tests.server.test_code_interpreter import PYTHON, cell
from tests.server.test_operators_functions import ANSWER, OWN, asked, call

# A tool is told of it within two seconds; machines may be busy.
WITHIN_S = 10.0


class Endless:
    """A function that ends when it is told that nobody waits."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def __call__(self, invocation: Invocation) -> str:
        invocation.on_cancel(self.ended.set)
        self.begun.set()
        self.ended.wait(120)
        return ""


def leave(server: LiveServer, body: Json, has_begun: Callable[[], bool]) -> None:
    """Ask, and go away without a word once the tool runs."""
    content = json.dumps(body).encode()
    head = (
        "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as peer:
        peer.sendall(head.encode() + content)
        wait_until(has_begun)
        assert server.num_at_work == 1


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_function(make_server: MakeServer, scripted_nano: Script, is_streamed: bool) -> None:
    endless = Endless()
    tool = Tool(ToolDescription("add"), run=endless)
    server = make_server(scripted_nano(call("{}") + ANSWER), tools=ChosenTools(functions=(tool,)))
    leave(server, asked(stream=is_streamed, tools=[OWN]), endless.begun.is_set)
    assert endless.ended.wait(WITHIN_S)
    wait_until(lambda: server.num_at_work == 0, WITHIN_S)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_python(make_server: MakeServer, scripted_nano: Script, is_streamed: bool) -> None:
    """Its container is let go of, whenever that is, and by requests that are refused too."""
    script = cell("while True: pass") + ANSWER
    server = make_server(scripted_nano(script), tools=ChosenTools(has_python=True))
    containers = server.service.containers

    def in_use() -> bool:
        pool = containers._pool
        assert pool is not None
        found = [pool.find(each.id) for each in containers._by_id.values()]
        return any(each is not None and each.is_in_use for each in found)

    # Objects that refer to each other would be let go of some time later.
    gc.disable()
    try:
        leave(server, asked(stream=is_streamed, tools=[PYTHON]), in_use)
        wait_until(lambda: not in_use() and server.num_at_work == 0, WITHIN_S)
        decided = {"type": "mcp_approval_response", "approval_request_id": "x", "approve": True}
        for given in ([decided], "? " * 100_000):
            body = asked(given, stream=is_streamed, tools=[PYTHON])
            httpx.post(f"{server.url}/v1/responses", json=body, timeout=60)
            assert not in_use()
    finally:
        gc.enable()


def test_in_the_background_it_runs_on_until_it_is_cancelled(
    make_server: MakeServer, scripted_nano: Script
) -> None:
    endless = Endless()
    tool = Tool(ToolDescription("add"), run=endless)
    server = make_server(scripted_nano(call("{}") + ANSWER), tools=ChosenTools(functions=(tool,)))
    with httpx.Client(base_url=server.url, timeout=60) as client:
        made = client.post("/v1/responses", json=asked(background=True, tools=[OWN])).json()
        assert endless.begun.wait(60)
        assert not endless.ended.is_set()
        ended = client.post(f"/v1/responses/{made['id']}/cancel").json()
    assert endless.ended.wait(WITHIN_S)
    assert ended["status"] == "cancelled"
    assert [item["type"] for item in ended["output"]] == ["mcp_call"]
