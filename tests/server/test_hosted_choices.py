"""Tool choices that name what the server runs, in the forms of both APIs: Python, and functions of its operator."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response

from gptoss.tools import function_tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import MakeClient
from tests.server.responses_shapes import Json

PYTHON: Json = {"type": "code_interpreter", "container": {"type": "auto"}}
OWN: Json = {"type": "mcp", "server_label": "gptoss"}
FUNCTION: Json = {"type": "function", "name": "look", "parameters": {"type": "object"}}
CELL = "<|channel|>analysis to=python code<|message|>6 * 7<|call|>"
ADD = ' to=functions.add<|channel|>commentary <|constrain|>json<|message|>{"a":2,"b":3}<|call|>'
ANSWER = "<|channel|>final<|message|>Done.<|return|>"
ALL = {"tools": [PYTHON, OWN, FUNCTION], "temperature": 0, "input": "Go"}


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def halve(a: int) -> float:
    """Halves."""
    return a / 2


CHOSEN = ChosenTools(has_python=True, functions=(function_tool(add), function_tool(halve)))


def some(mode: str, *tools: Json) -> Json:
    return {"type": "allowed_tools", "mode": mode, "tools": list(tools)}


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "code_interpreter"}, ["code_interpreter_call"]),
        (OWN, ["add"]),
        ({**OWN, "name": "add"}, ["add"]),
        (some("required", {"type": "code_interpreter"}), ["code_interpreter_call"]),
        (some("auto", OWN, {"type": "function", "name": "look"}), ["add"]),
        (some("required", {**OWN, "name": "add"}), ["add"]),
    ],
)
def test_a_choice_is_met_and_said_again(
    make_client: MakeClient, scripted_nano: Script, choice: Json, called: list[str]
) -> None:
    """The model would write something else; what is not allowed it cannot."""
    wanted = CELL if called == ["code_interpreter_call"] else ADD
    client = make_client(scripted_nano(wanted + ANSWER), tools=CHOSEN)
    reply = client.post("/v1/responses", json={**ALL, "tool_choice": choice})
    assert reply.status_code == 200, reply.text
    made = reply.json()
    Response.model_validate(made)
    assert made["tool_choice"] == choice
    found = [item for item in made["output"] if item["type"] != "message"]
    assert [item.get("name", item["type"]) for item in found] == called
    assert made["output"][-1]["content"][0]["text"] == "Done."


def recipients(client: Any, **body: Any) -> set[str]:
    """Those that the model may call at first."""
    asked: list[Any] = []
    begin = client.app.state.service.begin

    async def noted(owner: str, ask: Any) -> Any:
        started = await begin(owner, ask)
        asked.append(started.request)
        return started

    client.app.state.service.begin = noted
    assert client.post("/v1/responses", json={**ALL, **body}).status_code == 200
    client.app.state.service.begin = begin
    return {tool.recipient for tool in asked[0].rules.callable}


def test_what_a_choice_leaves_out_cannot_be_called(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    client = make_client(scripted_nano(ANSWER * 5), tools=CHOSEN)
    every = {"python", "functions.add", "functions.halve", "functions.look"}
    assert recipients(client) == every
    assert recipients(client, tool_choice=some("auto", OWN)) == {
        "functions.add",
        "functions.halve",
    }
    both = some("auto", {"type": "code_interpreter"}, {**OWN, "name": "add"})
    assert recipients(client, tool_choice=both) == {"python", "functions.add"}
    # Those that the request does not allow are no part of it.
    few = [PYTHON, {**OWN, "allowed_tools": ["halve"]}, FUNCTION]
    assert recipients(client, tools=few, tool_choice=some("auto", OWN)) == {"functions.halve"}


def test_what_had_to_be_called_need_not_be_again(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    """After it others may be, unless the choice says which may be at all."""
    client = make_client(scripted_nano(ADD + CELL + ANSWER), tools=CHOSEN)
    made = client.post("/v1/responses", json={**ALL, "tool_choice": OWN}).json()
    assert [item["type"] for item in made["output"]] == [
        *("mcp_call", "code_interpreter_call", "message")
    ]


@pytest.mark.parametrize(
    ("choice", "param", "told"),
    [
        ({**OWN, "name": "sub"}, "tool_choice.name", "got 'sub', wanted add, halve"),
        (
            {"type": "mcp", "server_label": "x"},
            "tool_choice.server_label",
            "got 'x', wanted gptoss",
        ),
        (
            some("auto", {"type": "web_search"}),
            "tool_choice.tools.0.type",
            "declare a function that searches",
        ),
        (some("auto", {"type": "function", "name": "no"}), None, "got the tool choice 'no'"),
    ],
)
def test_what_is_not_there_is_refused(
    make_client: MakeClient, scripted_nano: Script, choice: Json, param: str | None, told: str
) -> None:
    client = make_client(scripted_nano(ANSWER), tools=CHOSEN)
    reply = client.post("/v1/responses", json={**ALL, "tool_choice": choice})
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, param)
    assert told in error["message"]


def test_what_is_declared_nowhere_is_refused(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    client = make_client(scripted_nano(ANSWER), tools=CHOSEN)
    for kind, tools in (("code_interpreter", [OWN]), ("mcp", [PYTHON])):
        choice = {"type": kind, "server_label": "gptoss"} if kind == "mcp" else {"type": kind}
        for each in (choice, some("auto", choice)):
            body = {**ALL, "tools": tools, "tool_choice": each}
            reply = client.post("/v1/responses", json=body)
            assert reply.status_code == 400
            assert f"got '{kind}', which tools does not have" in reply.text


def test_a_server_that_runs_nothing_says_what_to_start(client: Any) -> None:
    for kind in ("code_interpreter", "mcp"):
        choice = {"type": kind, **({"server_label": "gptoss"} if kind == "mcp" else {})}
        body = {"input": "Go", "tools": [PYTHON, OWN], "tool_choice": some("required", choice)}
        error = client.post("/v1/responses", json=body).json()["error"]
        assert error["param"] == "tool_choice.tools.0.type"
        assert "--tools" in error["message"]
