"""A call that waits for a person outlives the server: killed with no time to say goodbye, and started again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.responses_shapes import Json
from tests.server.scripted_gptoss import VARIABLE
from tests.server.test_operators_functions import ANSWER, OWN, call, decision, items
from tests.server.test_run import serving

MODULE = '''
from pathlib import Path
from typing import Literal

def record(word: Literal["done"]) -> str:
    """Record a word."""
    with open({path!r}, "a") as file:
        file.write(word + "\\n")
    return "recorded"
'''
ARGUMENTS = '{"word": "done"}'
NUM_WAITING = 5


@dataclass
class Restarted:
    """A server after its restart, the responses that its predecessor ended with requests, and what was recorded."""

    address: str
    waiting: list[Json]
    record: Path

    @property
    def num_recorded(self) -> int:
        return len(self.record.read_text().splitlines())

    def post(self, given: Any, **more: Any) -> httpx.Response:
        return _post(self.address, given, **more)

    def take(self) -> tuple[Json, Json]:
        """One that waits, and its request."""
        response = self.waiting.pop()
        (request,) = items(response, "mcp_approval_request")
        return response, request


def _post(address: str, given: Any, **more: Any) -> httpx.Response:
    body = {"input": given, "temperature": 0, "tools": [OWN], **more}
    return httpx.post(f"{address}/v1/responses", json=body, timeout=120)


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    folder = tmp_path_factory.mktemp("restarted")
    record, module = folder / "record", folder / "mine.py"
    record.touch()
    module.write_text(MODULE.format(path=str(record)))
    options = ["--tools-module", str(module), "--approval", "ask", "--store", str(folder / "store")]
    program = "tests.server.scripted_gptoss"
    script = {VARIABLE: call(ARGUMENTS, "record") * NUM_WAITING}
    with serving(*options, log=folder / "first", program=program, **script) as (address, process):
        waiting = [_post(address, "Record it.").json() for _ in range(NUM_WAITING)]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert record.read_text() == ""
    script = {VARIABLE: ANSWER * NUM_WAITING}
    with serving(*options, log=folder / "second", program=program, **script) as (address, process):
        yield Restarted(address, waiting, record)
        assert process.poll() is None
    for log in ("first", "second"):
        assert "Traceback" not in (folder / log).read_text()


def test_yes(restarted: Restarted) -> None:
    """The call is run, once, though the decision comes twice."""
    response, request = restarted.take()
    before = restarted.num_recorded
    decided = [decision(request)]
    made = restarted.post(decided, previous_response_id=response["id"]).json()
    (done,) = items(made, "mcp_call")
    assert (done["output"], done["approval_request_id"]) == ("recorded", request["id"])
    assert restarted.num_recorded == before + 1
    again = restarted.post(decided, previous_response_id=made["id"])
    assert (again.status_code, restarted.num_recorded) == (400, before + 1)


def test_no(restarted: Restarted) -> None:
    response, request = restarted.take()
    before = restarted.num_recorded
    decided = [decision(request, False, reason="not now")]
    made = restarted.post(decided, previous_response_id=response["id"]).json()
    (done,) = items(made, "mcp_call")
    assert done["error"]["content"] == (
        "error: the call was not allowed: not now. Nothing was done."
    )
    assert restarted.num_recorded == before


def test_other_arguments(restarted: Restarted) -> None:
    """Such as were not asked about: the call is asked for."""
    response, request = restarted.take()
    before = restarted.num_recorded
    other = {**request, "arguments": '{"word": "done" }'}
    said: Json = {"role": "user", "content": "Record it."}
    given = [said, *response["output"][:-1], other, decision(request)]
    made = restarted.post(given).json()
    (again,) = items(made, "mcp_approval_request")
    assert again["arguments"] == other["arguments"]
    assert (items(made, "mcp_call"), restarted.num_recorded) == ([], before)


def test_nobody_decides(restarted: Restarted) -> None:
    """Whoever goes on without a decision has denied it, and a decision that comes later is none."""
    response, request = restarted.take()
    before = restarted.num_recorded
    made = restarted.post(
        "Never mind.", previous_response_id=response["id"], tool_choice="none"
    ).json()
    late = restarted.post([decision(request)], previous_response_id=made["id"])
    assert (late.status_code, restarted.num_recorded) == (400, before)


def test_in_the_background(restarted: Restarted) -> None:
    response, request = restarted.take()
    before = restarted.num_recorded
    more: Json = {"previous_response_id": response["id"], "background": True}
    made = restarted.post([decision(request)], **more).json()
    while made["status"] in ("queued", "in_progress"):
        made = httpx.get(f"{restarted.address}/v1/responses/{made['id']}", timeout=60).json()
    assert items(made, "mcp_call")[0]["output"] == "recorded"
    assert restarted.num_recorded == before + 1
