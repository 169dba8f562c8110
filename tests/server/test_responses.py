"""`/v1/responses` as a whole: what is said of a turn, what is kept of it, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss.chat import LoadedModel
from gptoss.harmony import Conversation, DeveloperContent, Message, Role, render
from gptoss.server.responses.input import Block
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.store import ResponseStore
from gptoss.server.responses.truncation import fitted
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from tests.conftest import ScriptedModel
from tests.server.conftest import MakeClient
from tests.server.responses_shapes import (
    ANSWER,
    CALL,
    SAY,
    THINK,
    TOOL,
    asked,
    create,
    refused,
    require_items,
    require_response,
    streamed,
)


def test_a_sum(client: TestClient) -> None:
    made = create(client, **asked(metadata={"a": "b"}, instructions="Add."))
    assert [item["type"] for item in made["output"]] == ["reasoning", "message"]
    message = made["output"][1]
    assert message["content"][0]["text"] == "46"
    assert message["phase"] == "final_answer"
    assert made["status"] == message["status"] == "completed"
    assert made["output"][0]["summary"] == []
    assert "encrypted_content" not in made["output"][0]
    assert made["metadata"] == {"a": "b"}
    assert made["instructions"] == "Add."
    assert made["temperature"] == 0
    assert made["completed_at"] >= made["created_at"]
    usage = made["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert 0 < usage["output_tokens_details"]["reasoning_tokens"] < usage["output_tokens"]


def test_the_defaults_are_those_of_the_model(client: TestClient) -> None:
    made = create(client, input="1 + 1")
    assert (made["temperature"], made["top_p"], made["reasoning"]["effort"]) == (1, 1, "medium")
    assert made["store"] is True
    assert made["text"] == {"format": {"type": "text"}}


def test_cached_tokens_are_counted(client: TestClient) -> None:
    question = "7 + 8 " * 40
    create(client, **asked(question, max_output_tokens=2))
    made = create(client, **asked(question, max_output_tokens=2))
    assert made["usage"]["input_tokens_details"]["cached_tokens"] > 0


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
def test_every_effort(client: TestClient, effort: str) -> None:
    made = create(client, **asked(reasoning={"effort": effort}))
    assert made["reasoning"]["effort"] == effort
    has_thought = any(item["type"] == "reasoning" for item in made["output"])
    # Nano answers at once where little thought is asked for.
    assert has_thought is (effort in ("medium", "high", "xhigh"))


def test_too_few_tokens_make_it_incomplete(client: TestClient) -> None:
    for most in (1, 2, 3, 5, 90):
        made = create(client, **asked(max_output_tokens=most))
        assert made["status"] == "incomplete"
        assert made["incomplete_details"] == {"reason": "max_output_tokens"}
        assert all(item["status"] == "incomplete" for item in made["output"][-1:])
        assert made["usage"]["output_tokens"] == most


def test_a_call_and_its_result(client: TestClient) -> None:
    call = asked("find", tools=[TOOL], tool_choice="required", max_output_tokens=300)
    made = create(client, **call, reasoning={"effort": "none"}, parallel_tool_calls=False)
    (item,) = made["output"]
    assert (item["type"], item["name"], item["status"]) == ("function_call", "find", "completed")
    assert item["id"].startswith("fc_")
    assert item["call_id"].startswith("call_")
    assert made["tools"] == [TOOL]
    assert made["tool_choice"] == "required"
    result = {"type": "function_call_output", "call_id": item["call_id"], "output": "46"}
    again = create(client, **asked([result], previous_response_id=made["id"], tools=[TOOL]))
    assert again["previous_response_id"] == made["id"]
    # The same without the store.
    whole = [{"role": "user", "content": "find"}, item, result]
    other = create(client, **asked(whole, tools=[TOOL], store=False))
    assert other["output"][-1].get("content") == again["output"][-1].get("content")
    assert other["usage"]["input_tokens"] == again["usage"]["input_tokens"]


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "name": "find"},
        {"type": "function", "function": {"name": "find"}},
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "find"}],
        },
    ],
)
def test_a_named_tool(client: TestClient, choice: dict[str, Any]) -> None:
    other = {**TOOL, "name": "lose"}
    made = create(
        client,
        **asked("do", tools=[other, TOOL], tool_choice=choice, max_output_tokens=300),
        reasoning={"effort": "none"},
        parallel_tool_calls=False,
    )
    assert [item["name"] for item in made["output"]] == ["find"]
    assert made["parallel_tool_calls"] is False


def test_no_tools_means_that_the_model_is_told_of_none(client: TestClient) -> None:
    plain = create(client, **asked())
    made = create(client, **asked(tools=[TOOL], tool_choice="none"))
    assert made["usage"]["input_tokens"] == plain["usage"]["input_tokens"]
    assert made["tools"] == [TOOL]
    assert made["tool_choice"] == "none"


def test_a_schema_is_kept_to(client: TestClient) -> None:
    form = {
        "type": "json_schema",
        "name": "sum",
        "schema": {
            "type": "object",
            "properties": {"sum": {"enum": [46]}},
            "required": ["sum"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    made = create(client, **asked(text={"format": form}), reasoning={"effort": "none"})
    assert json.loads(made["output"][0]["content"][0]["text"]) == {"sum": 46}
    assert made["text"]["format"] == form


def test_a_preamble_is_a_message_of_its_own(
    make_client: MakeClient, scripted_model: ScriptedModel
) -> None:
    client = make_client(
        scripted_model(THINK + SAY + CALL + "<|channel|>final<|message|>A cat.<|return|>")
    )
    made = create(client, **asked("Where?", tools=[TOOL]), reasoning={"summary": "auto"})
    thought, said, call = made["output"]
    assert thought["content"] == [
        {"type": "reasoning_text", "text": "I look first. Then I answer."}
    ]
    assert thought["summary"] == [{"type": "summary_text", "text": "I look first."}]
    assert (said["phase"], said["content"][0]["text"]) == ("commentary", "Let me look.")
    assert (call["name"], call["arguments"]) == ("find", '{"q":"cat"}')
    assert made["status"] == "completed"
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "on the mat"}
    again = create(client, **asked([result], previous_response_id=made["id"], tools=[TOOL]))
    assert [item["type"] for item in again["output"]] == ["message"]
    assert again["output"][0]["content"][0]["text"] == "A cat."


def test_logprobs(client: TestClient) -> None:
    made = create(client, **asked(include=["message.output_text.logprobs"], top_logprobs=2))
    (part,) = made["output"][1]["content"]
    assert "".join(each["token"] for each in part["logprobs"]) == "46"
    assert all(len(each["top_logprobs"]) == 2 for each in part["logprobs"])
    events = streamed(client, **asked(top_logprobs=2))
    told = [each for event in events if "delta" in event for each in event.get("logprobs", ())]
    assert [each["token"] for each in told] == ["4", "6"]
    assert events[-1]["response"]["output"][1]["content"][0]["logprobs"] == told


def test_sealed_thoughts_come_back(client: TestClient) -> None:
    made = create(client, **asked(include=["reasoning.encrypted_content"], store=False))
    thought = made["output"][0]
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": thought["encrypted_content"]}
    user = {"role": "user", "content": "12 + 34"}
    call = {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "46"}
    with_seal = create(client, **asked([user, sealed, call, result], max_output_tokens=1))
    opened = {"type": "reasoning", "summary": [], "content": thought["content"]}
    with_text = create(client, **asked([user, opened, call, result], max_output_tokens=1))
    without = create(client, **asked([user, call, result], max_output_tokens=1))
    assert with_seal["usage"]["input_tokens"] == with_text["usage"]["input_tokens"]
    assert with_seal["usage"]["input_tokens"] > without["usage"]["input_tokens"]
    cut = {**sealed, "encrypted_content": thought["encrypted_content"][:-8] + "AAAAAAA="}
    error = refused(client, 400, **asked([user, cut]))
    assert error["param"] == "input[1].encrypted_content"


def test_what_is_kept(client: TestClient) -> None:
    made = create(client, **asked("Remember 7."))
    path = f"/v1/responses/{made['id']}"
    assert require_response(client.get(path).json()) == made
    again = create(client, **asked("And 8.", previous_response_id=made["id"]))
    items = require_items(client.get(f"/v1/responses/{again['id']}/input_items?order=asc").json())
    said = [item["content"][0]["text"] for item in items if item["type"] == "message"]
    assert said[0] == "Remember 7."
    assert said[-1] == "And 8."
    assert items[1:-1] == made["output"]
    assert client.delete(path).json() == {"id": made["id"], "object": "response", "deleted": True}
    assert client.get(path).status_code == client.delete(path).status_code == 404
    # What goes on from it is whole without it.
    kept = require_items(client.get(f"/v1/responses/{again['id']}/input_items?order=asc").json())
    assert kept == items
    error = refused(client, 404, **asked(previous_response_id=made["id"]))
    assert made["id"] in error["message"]
    assert error["param"] == "previous_response_id"


def test_pages_of_items(client: TestClient) -> None:
    given = [{"role": "user", "content": str(number)} for number in range(7)]
    made = create(client, **asked(given, max_output_tokens=1))
    path = f"/v1/responses/{made['id']}/input_items"
    found: list[str] = []
    after = ""
    while True:
        page = client.get(f"{path}?limit=3&order=asc{after}").json()
        found += [item["content"][0]["text"] for item in require_items(page)]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert found == [str(number) for number in range(7)]
    newest = require_items(client.get(f"{path}?limit=1").json())
    assert newest[0]["content"][0]["text"] == "6"
    assert client.get(f"{path}?after=nothing").status_code == 400
    assert client.get(f"{path}?limit=0").status_code == 400
    assert client.get("/v1/responses/resp_no/input_items").status_code == 404


def test_what_is_not_to_be_kept_is_not(client: TestClient) -> None:
    made = create(client, **asked(store=False))
    assert client.get(f"/v1/responses/{made['id']}").status_code == 404


def test_references(client: TestClient) -> None:
    made = create(client, **asked())
    reference = {"type": "item_reference", "id": made["output"][1]["id"]}
    user = {"role": "user", "content": "And 1 + 1?"}
    again = create(client, **asked([reference, user]))
    items = require_items(client.get(f"/v1/responses/{again['id']}/input_items?order=asc").json())
    assert items[0] == made["output"][1]
    error = refused(client, 404, **asked([{"type": "item_reference", "id": "msg_no"}, user]))
    assert "msg_no" in error["message"]
    error = refused(client, 400, **asked([reference], previous_response_id=made["id"]))
    assert error["code"] == "duplicate_item"


def test_instructions_are_of_one_response(client: TestClient) -> None:
    made = create(client, **asked("1", instructions="word " * 50, max_output_tokens=1))
    again = create(client, **asked("2", previous_response_id=made["id"], max_output_tokens=1))
    assert again["usage"]["input_tokens"] < made["usage"]["input_tokens"]
    assert again["instructions"] is None


def test_truncation(client: TestClient) -> None:
    long = [{"role": "user", "content": "12 + 34 " * 100} for _ in range(40)]
    given = [{"role": "developer", "content": "Stay."}, *long, {"role": "user", "content": "1 + 1"}]
    error = refused(client, 400, **asked(given))
    assert "tokens" in error["message"]
    made = create(client, **asked(given, truncation="auto", max_output_tokens=2))
    assert made["truncation"] == "auto"
    assert made["usage"]["input_tokens"] > 100
    # What is too long alone stays so.
    refused(client, 400, **asked("12 + 34 " * 20000, truncation="auto"))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, None),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"max_tool_calls": 2}, "max_tool_calls"),
        ({"background": True, "store": False}, "background"),
        ({"include": ["everything"]}, "include"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        ({"tool_choice": "required"}, None),
        ({"tool_choice": {"type": "function", "name": "no"}, "tools": [TOOL]}, None),
        ({"tool_choice": {"type": "web_search"}, "tools": [TOOL]}, "tool_choice.type"),
        ({"text": {"format": {"type": "xml"}}}, None),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"temperature": 3}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"truncation": "middle"}, "truncation"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0]",
        ),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0]"),
        ({"input": [{"role": "tool", "content": ""}]}, "input[0].role"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]}, "input"),
        (
            {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
            "input[0].call_id",
        ),
        ({"input": [{"type": "reasoning", "encrypted_content": "gAAA"}]}, None),
    ],
)
def test_what_is_refused(client: TestClient, body: dict[str, Any], param: str | None) -> None:
    base = {} if body == {} or "input" in body else {"input": "12 + 34"}
    error = refused(client, 400, **base, **body)
    assert error["type"] == "invalid_request_error"
    if param is not None:
        assert error["param"] == param


def test_another_model_is_not_here(client: TestClient) -> None:
    assert refused(client, 404, **asked(model="gpt-5"))["code"] == "model_not_found"


def test_what_is_ignored(client: TestClient) -> None:
    made = create(
        client,
        **asked(max_output_tokens=1),
        prompt_cache_key="k",
        safety_identifier="s",
        user="u",
        service_tier="flex",
        stream_options={"include_obfuscation": True},
        include=["web_search_call.action.sources"],
    )
    assert (made["prompt_cache_key"], made["safety_identifier"], made["user"]) == ("k", "s", "u")
    assert made["service_tier"] == "default"


def test_every_form_of_input(client: TestClient) -> None:
    given = [
        {"role": "system", "content": "Be brief."},
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": "Yes."}],
        },
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "1 + "},
                {"type": "input_text", "text": "1"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "2", "annotations": []}]},
        {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"},
        {"type": "function_call", "call_id": "d", "name": "find", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "d",
            "output": [{"type": "input_text", "text": "D"}],
        },
        {"type": "function_call_output", "call_id": "c", "output": "C"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "12 + 34"},
    ]
    made = create(client, **asked(given))
    items = require_items(client.get(f"/v1/responses/{made['id']}/input_items?order=asc").json())
    assert [item["type"] for item in items[3:9]] == [
        given[n].get("type", "message") for n in range(3, 9)
    ]
    assert items[2]["content"] == [{"type": "input_text", "text": "1 + 1"}]
    assert items[3]["id"] == "rs_1"


def test_no_script_of_the_model_is_a_fault(
    make_client: MakeClient, scripted_model: ScriptedModel
) -> None:
    for script in (
        THINK + ANSWER,
        ANSWER,
        SAY + ANSWER,
        CALL,
        "<|channel|>final<|message|><|return|>",
    ):
        client = make_client(scripted_model(script + "<|return|>" * 200))
        create(client, **asked("Hi", max_output_tokens=60))


def test_truncation_drops_no_more_than_it_must(nano_model: LoadedModel) -> None:
    def said(role: Role, text: str, channel: str | None = None) -> Message:
        return Message(role, text, channel)

    blocks = []
    for number in range(60):
        text = f"{number} " * (7 * number % 50 + 20)
        blocks.append([said(Role.USER, text)])
        blocks.append([said(Role.ASSISTANT, text, "analysis")])
        call = Message(Role.ASSISTANT, "{}", "commentary", "functions.find", "json")
        result = Message(Role.TOOL, text, "commentary", "assistant", name="functions.find")
        blocks.append([call, result])
        if number % 7:
            blocks.append([said(Role.ASSISTANT, text, "final")])
        if number == 3:
            blocks.append([Message(Role.DEVELOPER, DeveloperContent(text))])
    blocks.append([said(Role.USER, "Now?")])
    request = ResponseRequest(input="unused")
    settings = ServerSettings()

    def conversation(kept: Sequence[Block]) -> Conversation:
        return request.asked(kept, settings).conversation

    for most in (1, 50, 5000):
        kept = fitted(nano_model, blocks, conversation, most)
        room = nano_model.context - min(most, nano_model.context // 8)
        assert len(render(conversation(kept), nano_model.tokenizer)) <= room
        assert 10 < len(kept) < len(blocks)
        ids = {id(block) for block in kept}
        dropped = [block for block in blocks if id(block) not in ids]
        assert all(block[0].role is not Role.DEVELOPER for block in dropped)
        assert max(blocks.index(block) for block in dropped) < min(
            blocks.index(block) for block in kept if block[0].role is not Role.DEVELOPER
        )
        last = dropped[-1]
        more = [block for block in blocks if id(block) in ids or block is last]
        assert len(render(conversation(more), nano_model.tokenizer)) > room


def test_an_answer_that_cannot_be_kept_is_given(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(ResponseStore, "add", full)
    made = create(client, **asked())
    assert made["output"][1]["content"][0]["text"] == "46"
    assert streamed(client, **asked())[-1]["type"] == "response.completed"
    assert client.get(f"/v1/responses/{made['id']}").status_code == 404
    # What is read from the store alone is not begun.
    refused(client, 500, **asked(background=True))
    assert not service._running


def test_two_go_on_from_one(client: TestClient) -> None:
    first = create(client, **asked("1 + 1"))
    for question in ("2 + 2", "3 + 3"):
        made = create(client, **asked(question, previous_response_id=first["id"]))
        items = require_items(client.get(f"/v1/responses/{made['id']}/input_items").json())
        assert [item["type"] for item in items].count("message") == 3
