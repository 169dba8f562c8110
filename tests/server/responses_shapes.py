"""What the openai package says a response and its stream are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from openai.types.responses import Response, ResponseItemList, ResponseStreamEvent
from pydantic import TypeAdapter
from starlette.testclient import TestClient

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_LAST = ("response.completed", "response.incomplete", "response.failed")
_NAMES = {
    "message": "ResponseOutputMessage",
    "reasoning": "ResponseReasoningItem",
    "function_call": "ResponseFunctionToolCall",
    "custom_tool_call": "ResponseCustomToolCall",
    "local_shell_call": "LocalShellCall",
    "shell_call": "ResponseFunctionShellToolCall",
    "apply_patch_call": "ResponseApplyPatchToolCall",
}
# The streams of calls: the names of their events, and the field in which it all stands.
_CALLS = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
# Those that are told as a whole.
_WHOLE = ("local_shell_call", "apply_patch_call")
# OpenAI's API fails a stream with it, and Codex waits for it; the package's types lack it.
_UNTYPED_FAILURE = "context_length_exceeded"

Json = dict[str, Any]

TOOL = {
    "type": "function",
    "name": "find",
    "description": "Finds things.",
    "parameters": {
        "type": "object",
        "properties": {"q": {"type": "string", "maxLength": 5}},
        "required": ["q"],
        "additionalProperties": False,
    },
    "strict": True,
}
THINK = "<|channel|>analysis<|message|>I look first. Then I answer.<|end|>"
SAY = "<|start|>assistant<|channel|>commentary<|message|>Let me look.<|end|>"
CALL = (
    "<|start|>assistant to=functions.find<|channel|>commentary <|constrain|>json"
    '<|message|>{"q":"cat"}<|call|>'
)
ANSWER = "<|start|>assistant<|channel|>final<|message|>A cat.<|return|>"


def asked(given: object = "12 + 34", **more: Any) -> Json:
    """A request that nano can answer."""
    return {"input": given, "temperature": 0, **more}


def require_response(body: Json) -> Json:
    """The same, if it is a response to the last field."""
    typed = _typed(body)
    Response.model_validate(typed, strict=True)
    Response.model_validate_json(json.dumps(typed))
    kinds = [type(item).__name__ for item in Response.model_validate(typed).output]
    assert kinds == [_NAMES[item["type"]] for item in body["output"]]
    return body


def _typed(body: Json) -> Json:
    """The response with a code of failure that the package knows."""
    if (body["error"] or {}).get("code") == _UNTYPED_FAILURE:
        return {**body, "error": {**body["error"], "code": "server_error"}}
    return body


def require_items(body: Json) -> list[Json]:
    """The items of a page, if it is one."""
    ResponseItemList.model_validate(body)
    data = body["data"]
    assert body["first_id"] == (data[0]["id"] if data else "")
    assert body["last_id"] == (data[-1]["id"] if data else "")
    return list(data)


def create(client: TestClient, **body: Any) -> Json:
    """A response that is there at once."""
    reply = client.post("/v1/responses", json=body)
    assert reply.status_code == 200, reply.text
    return require_response(reply.json())


def refused(client: TestClient, status: int, **body: Any) -> Json:
    """The error that a request gets."""
    reply = client.post("/v1/responses", json=body)
    assert reply.status_code == status, reply.text
    error: Json = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def events_of(text: str) -> list[Json]:
    """The events of a stream, each of which has its name and is of a kind that openai knows."""
    events = []
    for block in text.split("\n\n"):
        if not block or block.startswith(":"):
            continue
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        typed = event
        if isinstance(event.get("response"), dict):
            typed = {**event, "response": _typed(event["response"])}
        assert _EVENT.validate_python(typed).type == event["type"]
        events.append(event)
    return events


def streamed(client: TestClient, **body: Any) -> list[Json]:
    """The events of a request's stream, in their order."""
    reply = client.post("/v1/responses", json={**body, "stream": True})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = events_of(reply.text)
    require_order(events)
    return events


def require_order(events: list[Json]) -> None:
    """Numbers without gaps, one item at a time, deltas that add up, and a last event that says it all again."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.created"
    assert "response.in_progress" in kinds[:3]
    assert kinds[-1] in _LAST
    assert sum(kind in _LAST for kind in kinds) == 1
    done = []
    at = next((i for i, kind in enumerate(kinds) if kind == "response.output_item.added"), None)
    while at is not None and kinds[at] == "response.output_item.added":
        end = kinds.index("response.output_item.done", at)
        _require_item(events[at : end + 1], len(done))
        done.append(events[end]["item"])
        at = end + 1
    last = require_response(events[-1]["response"])
    assert last["output"] == done


def _require_item(events: list[Json], index: int) -> None:
    added, item = events[0]["item"], events[-1]["item"]
    assert added["status"] == "in_progress"
    assert all(event["output_index"] == index for event in events)
    kinds = [event["type"] for event in events[1:-1]]
    kind = item["type"]
    if kind == "shell_call":
        _require_commands(events, item)
        return
    if kind in _WHOLE:
        assert not kinds
        assert added == {**item, "status": "in_progress"}
        return
    assert all(event["item_id"] == item["id"] for event in events[1:-1])
    assert kinds.count("response.content_part.added") == (kind not in _CALLS)
    if kind in _CALLS:
        name, field = _CALLS[kind]
        assert set(kinds[:-1]) <= {f"{name}.delta"}
        assert kinds[-1] == f"{name}.done"
        text = item[field]
        assert events[-2][field] == text
    else:
        name = "reasoning_text" if kind == "reasoning" else "output_text"
        at = kinds.index("response.content_part.done")
        assert kinds[0] == "response.content_part.added"
        assert set(kinds[1 : at - 1]) <= {f"response.{name}.delta"}
        assert kinds[at - 1] == f"response.{name}.done"
        text = item["content"][0]["text"]
        assert events[at]["text"] == events[at + 1]["part"]["text"] == text
    assert joined(events) == text


def _require_commands(events: list[Json], item: Json) -> None:
    assert events[0]["item"]["action"]["commands"] == []
    kind = "response.shell_call_command"
    found = []
    for index in range(len(events[1:-1]) // 3):
        added, delta, done = events[1 + 3 * index :][:3]
        assert [each["type"] for each in (added, delta, done)] == [
            f"{kind}.{each}" for each in ("added", "delta", "done")
        ]
        assert {each["command_index"] for each in (added, delta, done)} == {index}
        assert added["command"] + delta["delta"] == done["command"]
        found.append(done["command"])
    assert found == item["action"]["commands"]


def joined(events: Iterable[Json]) -> str:
    """What the deltas add up to, summaries apart."""
    return "".join(
        event["delta"]
        for event in events
        if event["type"].endswith(".delta") and "summary" not in event["type"]
    )
