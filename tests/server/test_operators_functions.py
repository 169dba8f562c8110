"""Functions of the server's operator over the Responses API: calls, approvals, and turns that go on after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from starlette.testclient import TestClient

from gptoss.runtime import LoadedModel
from gptoss.tools import Approval, Tool, function_tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import MakeClient, MakeServer
from tests.server.responses_shapes import Json, create, events_of

OWN: Json = {"type": "mcp", "server_label": "gptoss"}
ANSWER = "<|channel|>final<|message|>It is 5.<|return|>"
ADD = '{"a": 2, "b": 3}'


def call(arguments: str = ADD, name: str = "add", end: str = "<|call|>") -> str:
    return f" to=functions.{name}<|channel|>commentary <|constrain|>json<|message|>{arguments}{end}"


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def fail() -> None:
    """Fails."""
    raise ValueError("no such thing")


def runs(
    make_client: MakeClient,
    model: LoadedModel,
    *functions: Callable[..., object],
    approval: str = "allow",
    **settings: Any,
) -> TestClient:
    tools = tuple(function_tool(each) for each in functions or (add,))
    floor = {tool.recipient: Approval(approval) for tool in tools}
    return make_client(model, tools=ChosenTools(functions=tools, floor=floor), **settings)


def asked(given: object = "What is 2 + 3?", **more: Any) -> Json:
    return {"input": given, "temperature": 0, "tools": [OWN], **more}


def post(client: TestClient, **body: Any) -> Json:
    reply = client.post("/v1/responses", json=body)
    assert reply.status_code == 200, reply.text
    made: Json = reply.json()
    Response.model_validate(made)
    return made


def items(response: Json, kind: str) -> list[Json]:
    return [item for item in response["output"] if item["type"] == kind]


def test_a_call_is_an_item_of_an_mcp_server(make_client: MakeClient, scripted_nano: Script) -> None:
    made = post(runs(make_client, scripted_nano(call() + ANSWER)), **asked())
    (done,) = items(made, "mcp_call")
    told = {name: done[name] for name in ("server_label", "name", "arguments", "output", "status")}
    assert told == {
        "server_label": "gptoss",
        "name": "add",
        "arguments": ADD,
        "output": "5",
        "status": "completed",
    }
    assert (done["error"], done["approval_request_id"]) == (None, None)
    assert (made["tools"], made["output"][-1]["content"][0]["text"]) == ([OWN], "It is 5.")


def test_a_stream_has_the_events_of_openais_types(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    script = call(end="<|end|><|start|>assistant") + call("{}", "fail") + ANSWER
    client = runs(make_client, scripted_nano(script), add, fail)
    events = events_of(client.post("/v1/responses", json=asked(stream=True)).text)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events[2:14]]
    begin = ["output_item.added", "mcp_call.in_progress", "mcp_call_arguments.delta"]
    assert kinds == [
        *(*begin, "mcp_call_arguments.done", "mcp_call.completed", "output_item.done"),
        *(*begin, "mcp_call_arguments.done", "mcp_call.failed", "output_item.done"),
    ]
    assert [event["output_index"] for event in events[2:14]] == [0] * 6 + [1] * 6
    last = events[-1]["response"]
    assert last["output"] == [
        event["item"] for event in events if event["type"] == "response.output_item.done"
    ]
    failed = items(last, "mcp_call")[1]
    assert (failed["status"], failed["output"]) == ("failed", None)
    assert failed["error"] == {
        "type": "mcp_tool_execution_error",
        "content": "error: ValueError: no such thing",
    }


def paused(client: TestClient, **more: Any) -> tuple[Json, Json]:
    """A response that has ended with a request, and that."""
    made = post(client, **asked(**more))
    (request,) = items(made, "mcp_approval_request")
    assert (made["status"], items(made, "mcp_call")) == ("completed", [])
    return made, request


def decision(request: Json, approve: bool = True, **more: Any) -> Json:
    return {
        "type": "mcp_approval_response",
        "approval_request_id": request["id"],
        "approve": approve,
        **more,
    }


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(
    ("approve", "reason", "output", "error"),
    [
        (True, None, "5", None),
        (False, None, None, "error: the call was not allowed. Nothing was done."),
        (False, "later", None, "error: the call was not allowed: later. Nothing was done."),
    ],
)
def test_a_person_decides(
    make_client: MakeClient,
    scripted_nano: Script,
    approve: bool,
    reason: str | None,
    output: str | None,
    error: str | None,
    is_kept: bool,
) -> None:
    client = runs(make_client, scripted_nano(call() + ANSWER + ANSWER), approval="ask")
    first, request = paused(client)
    assert (request["name"], request["arguments"]) == ("add", ADD)
    decided = decision(request, approve, **({} if reason is None else {"reason": reason}))
    if is_kept:
        body = asked([decided], previous_response_id=first["id"])
    else:
        said = {"role": "user", "content": "What is 2 + 3?"}
        body = asked([said, *first["output"], decided])
    made = post(client, **body)
    (done,) = items(made, "mcp_call")
    assert (done["output"], done["approval_request_id"]) == (output, request["id"])
    assert (done["error"] or {}).get("content") == error
    assert made["output"][-1]["content"][0]["text"] == "It is 5."
    # The whole of it, once more as input: the call stands there once.
    more = asked([{"role": "user", "content": "Go on."}], previous_response_id=made["id"])
    prompt = client.post("/v1/responses/render", json=more).json()["prompt"]
    assert prompt.count(ADD) == 1


def test_a_decision_is_for_that_very_call(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs(make_client, scripted_nano(call() + ANSWER), approval="ask")
    _, request = paused(client)
    other = {**request, "arguments": '{"a": 2, "b": 400}'}
    said = {"role": "user", "content": "?"}
    made = post(client, **asked([said, other, decision(request)]))
    # It is asked for again.
    (again,) = items(made, "mcp_approval_request")
    assert (again["arguments"], items(made, "mcp_call")) == (other["arguments"], [])


def test_a_function_that_has_changed_is_asked_for_again(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    _, request = paused(runs(make_client, scripted_nano(call()), approval="ask"))

    def changed(a: int, b: int) -> int:
        """Adds, and tells everybody."""
        return a + b

    changed.__name__ = "add"
    client = runs(make_client, scripted_nano(ANSWER), changed, approval="ask")
    said = {"role": "user", "content": "?"}
    made = post(client, **asked([said, request, decision(request)]))
    assert items(made, "mcp_call") == []
    assert len(items(made, "mcp_approval_request")) == 1


def test_whoever_goes_on_without_deciding_denies(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    client = runs(make_client, scripted_nano(call() + ANSWER), approval="ask")
    first, _ = paused(client)
    made = post(client, **asked("Never mind.", previous_response_id=first["id"]))
    assert items(made, "mcp_call") == []
    body = asked("Never mind.", previous_response_id=first["id"])
    prompt = client.post("/v1/responses/render", json=body).json()["prompt"]
    assert "nobody has decided whether the call may run" in prompt


def test_a_request_only_asks_for_more(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs(make_client, scripted_nano(call() * 2 + ANSWER))
    paused(client, tools=[{**OWN, "require_approval": "always"}])
    some = {"always": {"tool_names": ["add"]}}
    paused(client, tools=[{**OWN, "require_approval": some}])
    strict = runs(make_client, scripted_nano(call() + ANSWER), approval="ask")
    paused(strict, tools=[{**OWN, "require_approval": "never"}])
    denied = runs(make_client, scripted_nano(call() + ANSWER), approval="deny")
    made = post(denied, **asked(tools=[{**OWN, "require_approval": "always"}]))
    assert "not allowed here" in items(made, "mcp_call")[0]["error"]["content"]


def test_some_of_the_functions(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs(make_client, scripted_nano(ANSWER), add, fail)

    def told(**more: Any) -> str:
        body = asked(tools=[{**OWN, **more}])
        return str(client.post("/v1/responses/render", json=body).json()["prompt"])

    assert "type add =" in told()
    assert "type fail =" in told()
    for allowed in (["add"], {"tool_names": ["add"]}):
        assert "type fail =" not in told(allowed_tools=allowed)
    assert "type add =" not in told(allowed_tools={"read_only": True})
    reply = client.post("/v1/responses", json=asked(tools=[{**OWN, "allowed_tools": ["sub"]}]))
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "tools.0.allowed_tools")
    assert error["message"] == "tools.0.allowed_tools: got 'sub', wanted add, fail"


@pytest.mark.parametrize(
    "tool",
    [OWN, {**OWN, "server_url": "http://127.0.0.1:9"}, {"type": "mcp", "server_label": "x"}],
)
def test_other_servers_are_left_out(client: TestClient, tool: Json) -> None:
    made = create(client, **asked("12 + 34", tools=[tool]))
    assert (made["gptoss"]["ignored"], made["tools"]) == (["tools.0 (mcp)"], [])


def test_a_decision_about_nothing(make_client: MakeClient, scripted_nano: Script) -> None:
    client = runs(make_client, scripted_nano(ANSWER))
    body = asked([decision({"id": "mcpr_0"})])
    reply = client.post("/v1/responses", json=body)
    assert reply.status_code == 400
    assert "no mcp_approval_request with that id stands before it" in reply.text


def test_calls_behind_one_that_waits_wait_too(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    script = call(end="<|end|><|start|>assistant") + call("{}", "fail") + ANSWER
    tools = ChosenTools(
        functions=(function_tool(add), function_tool(fail)),
        floor={"functions.add": Approval.ASK},
    )
    client = make_client(scripted_nano(script), tools=tools)
    first = post(client, **asked())
    requests = items(first, "mcp_approval_request")
    assert [each["name"] for each in requests] == ["add", "fail"]
    decided = [decision(requests[0]), decision(requests[1], False)]
    made = post(client, **asked(decided, previous_response_id=first["id"]))
    assert [each["status"] for each in items(made, "mcp_call")] == ["completed", "failed"]


def test_openais_client(make_server: MakeServer, scripted_nano: Script) -> None:
    tool: Tool = function_tool(add)
    chosen = ChosenTools(functions=(tool,), floor={tool.recipient: Approval.ASK})
    server = make_server(scripted_nano(call() + ANSWER), tools=chosen)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk:
        given: Any = [OWN]
        first = sdk.responses.create(model="", input="?", tools=given)
        request = first.output[-1]
        assert request.type == "mcp_approval_request"
        answer: Any = [decision({"id": request.id})]
        made = sdk.responses.create(
            model="", input=answer, tools=given, previous_response_id=first.id
        )
    assert made.output_text == "It is 5."
