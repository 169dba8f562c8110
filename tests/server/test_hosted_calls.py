"""What our extensions say of calls that the server runs: how they went, what they print, who allows Python."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from openai.types.responses import Response
from starlette.testclient import TestClient

from gptoss.tools import Approval, function_tool
from gptoss.tools.chosen import ChosenTools
from gptoss.tools.sandbox import choose_rung
from tests.conftest import Script
from tests.server.conftest import MakeClient, MakeServer
from tests.server.responses_shapes import Json
from tests.server.test_code_interpreter import ANSWER, PYTHON, THINK, asked, calls, cell, logs

ASKS = ChosenTools(has_python=True, floor={"python": Approval.ASK})
OUTPUT = "response.gptoss.call_output.delta"


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def post(client: TestClient, **body: Any) -> Json:
    reply = client.post("/v1/responses", json=body)
    assert reply.status_code == 200, reply.text
    made: Json = reply.json()
    Response.model_validate(made)
    return made


def decision(request: Json, approve: bool, **more: Any) -> Json:
    return {
        "type": "mcp_approval_response",
        "approval_request_id": request["id"],
        "approve": approve,
        **more,
    }


@pytest.mark.parametrize(
    ("code", "ending", "status"),
    [
        ("import time; time.sleep(0.2)", "finished", "completed"),
        ("1 / 0", "error", "completed"),
    ],
)
def test_a_call_says_how_it_went(
    make_client: MakeClient, scripted_nano: Script, code: str, ending: str, status: str
) -> None:
    tools = ChosenTools(has_python=True)
    client = make_client(scripted_nano(cell(code) + ANSWER), tools=tools)
    made = post(client, **asked())
    (call,) = calls(made)
    assert (call["gptoss"]["ending"], call["status"]) == (ending, status)
    assert (0.2 if ending == "finished" else 0.0) < call["gptoss"]["seconds"] < 60
    # It is taken back as it is.
    said = {"role": "user", "content": "Go on."}
    again = client.post("/v1/responses/render", json=asked([call, said]))
    assert again.status_code == 200


@pytest.mark.parametrize("is_wanted", [True, False])
def test_what_a_call_prints_is_told_while_it_runs(
    make_client: MakeClient, scripted_nano: Script, is_wanted: bool
) -> None:
    code = "print('one', flush=True)\nprint('é' * 40_000)\n2"
    tools = ChosenTools(has_python=True)
    client = make_client(scripted_nano(cell(code) + ANSWER), tools=tools)
    reply = client.post("/v1/responses", json=asked(stream=True, return_progress=is_wanted))
    lines = [line for line in reply.text.splitlines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    kinds = [event["type"] for event in events]
    told = [event for event in events if event["type"] == OUTPUT]
    assert bool(told) is is_wanted
    if is_wanted:
        text = "".join(event["delta"] for event in told)
        # Its beginning: the events are kept.
        assert text == ("one\n" + "é" * 40_000)[:32_768]
        run = kinds.index("response.code_interpreter_call.interpreting")
        assert run < kinds.index(OUTPUT) < kinds.index("response.code_interpreter_call.completed")
        assert {event["item_id"] for event in told} == {events[run]["item_id"]}
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def paused(client: TestClient) -> tuple[Json, Json]:
    """A response that has ended with a request for Python, and that."""
    made = post(client, **asked())
    assert [item["type"] for item in made["output"]] == ["reasoning", "mcp_approval_request"]
    request = made["output"][1]
    assert (request["server_label"], request["name"]) == ("code_interpreter", "python")
    assert json.loads(request["arguments"]) == {"code": "6 * 7"}
    return made, request


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(
    ("approve", "told", "ending"),
    [
        (True, "42", "finished"),
        (False, "error: the call was not allowed: not now. Nothing was done.", "denied"),
    ],
)
def test_a_person_decides_on_python(
    make_client: MakeClient,
    scripted_nano: Script,
    approve: bool,
    told: str,
    ending: str,
    is_kept: bool,
) -> None:
    """The call was asked for as a function that there is not, and could not be allowed."""
    client = make_client(scripted_nano(THINK + cell("6 * 7") + ANSWER), tools=ASKS)
    first, request = paused(client)
    decided = decision(request, approve, reason="not now")
    said = {"role": "user", "content": "What is 6 times 7?"}
    kept = asked([decided], previous_response_id=first["id"])
    made = post(client, **(kept if is_kept else asked([said, *first["output"], decided])))
    (call,) = calls(made)
    assert (logs(made), call["gptoss"]["ending"]) == ([told], ending)
    assert call["approval_request_id"] == request["id"]
    assert made["output"][-1]["content"][0]["text"] == "It is 42."
    more = asked([{"role": "user", "content": "Go on."}], previous_response_id=made["id"])
    prompt = client.post("/v1/responses/render", json=more).json()["prompt"]
    # It was called once, as the model calls it.
    assert (
        prompt.count("6 * 7") == prompt.count("to=python<|channel|>analysis code<|message|>") == 1
    )
    assert prompt.count(f"analysis<|message|>{told}<|end|>") == 1


def test_whoever_does_not_decide_on_python_denies(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    client = make_client(scripted_nano(THINK + cell("6 * 7") + ANSWER), tools=ASKS)
    first, _ = paused(client)
    body = asked("Never mind.", previous_response_id=first["id"])
    prompt = client.post("/v1/responses/render", json=body).json()["prompt"]
    assert "analysis<|message|>error: nobody has decided whether the call may run" in prompt


@pytest.mark.parametrize("arguments", ["{", "[]", '{"code": 6}', '{"code": "6 * 8"}'])
def test_a_decision_on_python_is_for_that_very_code(
    make_client: MakeClient, scripted_nano: Script, arguments: str
) -> None:
    client = make_client(scripted_nano(THINK + cell("6 * 7") + ANSWER), tools=ASKS)
    _, request = paused(client)
    other = {**request, "arguments": arguments}
    said = {"role": "user", "content": "?"}
    made = post(client, **asked([said, other, decision(request, True)]))
    assert calls(made) == []
    assert made["output"][-1]["type"] == "mcp_approval_request"


def test_a_response_that_is_cancelled_ends_its_call(
    make_server: MakeServer, scripted_nano: Script
) -> None:
    """Within two seconds, and what it has printed stays."""
    import httpx

    code = "print('on and on', flush=True)\nwhile True: pass"
    server = make_server(scripted_nano(cell(code) + ANSWER), tools=ChosenTools(has_python=True))
    with httpx.Client(base_url=server.url, timeout=60) as http:
        body = asked(background=True, stream=True, return_progress=True)
        with http.stream("POST", "/v1/responses", json=body) as reply:
            lines = (line for line in reply.iter_lines() if line.startswith("data: "))
            events = (json.loads(line.removeprefix("data: ")) for line in lines)
            made = next(events)["response"]
            assert next(event for event in events if event["type"] == OUTPUT)["delta"]
            began = time.monotonic()
            http.post(f"/v1/responses/{made['id']}/cancel")
            took = time.monotonic() - began
            last = list(events)[-1]["response"]
    (call,) = calls(last)
    assert (last["status"], call["status"], call["gptoss"]["ending"]) == (
        *("cancelled", "incomplete"),
        "cancelled",
    )
    assert "on and on" in logs(last)[0]
    assert took < 2.0


def test_python_behind_a_call_that_waits_is_read_once(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    """Its item had begun when the other one turned out to wait; the model read it as cut off, and then again."""
    adding = ' to=functions.add<|channel|>commentary <|constrain|>json<|message|>{"a": 2, "b": 3}'
    script = f"{adding}<|end|><|start|>assistant{cell('6 * 7')}{ANSWER}"
    tool = function_tool(add)
    chosen = ChosenTools(True, (tool,), {tool.recipient: Approval.ASK})
    client = make_client(scripted_nano(script), tools=chosen)
    both = [{"type": "mcp", "server_label": "gptoss"}, PYTHON]
    first = post(client, **asked(tools=both))
    kinds = [item["type"] for item in first["output"]]
    assert kinds == ["code_interpreter_call", "mcp_approval_request", "mcp_approval_request"]
    given = [decision(item, True) for item in first["output"][1:]]
    more = asked(given, tools=both, previous_response_id=first["id"])
    read = str(client.post("/v1/responses/render", json=more).json()["prompt"])
    assert "the call was not finished" not in read
    assert (read.count("6 * 7"), read.count(" to=functions.add")) == (1, 1)
    assert read.index(" to=functions.add") < read.index("6 * 7")
    made = post(client, **more)
    assert [item["type"] for item in made["output"]][:2] == ["mcp_call", "code_interpreter_call"]
    assert logs(made) == ["42"]


def test_what_a_server_runs_is_listed(
    make_client: MakeClient, client: TestClient, scripted_nano: Script
) -> None:
    tool = function_tool(add, is_read_only=True)
    floor = {tool.recipient: Approval.ASK}
    chosen = ChosenTools(has_python=True, functions=(tool,), floor=floor)
    told = make_client(scripted_nano(ANSWER), tools=chosen).get("/v1/tools").json()
    python, functions = told["data"]
    rung = str(choose_rung().name)
    assert python == {"type": "code_interpreter", "approval": "allow", "sandbox": rung}
    (function,) = functions.pop("tools")
    assert functions == {"type": "mcp", "server_label": "gptoss"}
    assert list(function.pop("input_schema")["properties"]) == ["a", "b"]
    assert function == {
        "name": "add",
        "description": "Adds.",
        "read_only": True,
        "approval": "ask",
    }
    assert client.get("/v1/tools").json() == {"object": "list", "data": []}
