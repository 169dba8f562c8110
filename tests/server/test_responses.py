"""`/v1/responses` as a whole: what is said of a turn, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

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
    # Of 90, the last are a header's: the chain of thought before it is whole.
    for most, statuses in ((1, []), (2, []), (3, []), (5, ["incomplete"]), (90, ["completed"])):
        made = create(client, **asked(max_output_tokens=most))
        assert made["status"] == "incomplete"
        assert made["incomplete_details"] == {"reason": "max_output_tokens"}
        assert [item["status"] for item in made["output"]] == statuses
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
        ({"include": ["everything"]}, "include.0"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools.0.name"),
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
            "input.0.content.0.type",
        ),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input.0.type"),
        ({"input": [{"role": "tool", "content": ""}]}, "input.0.role"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]}, "input"),
        (
            {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
            "input.0.call_id",
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
