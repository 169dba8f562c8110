"""Answers that are begun in the request: `continue_final_message`, and Anthropic's prefill."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from starlette.testclient import TestClient

from tests.server.conftest import sums

CHAT = "/v1/chat/completions"
SUM = "What is 48213 + 9077?"


def conversation(**begun: str) -> dict[str, Any]:
    body = sums(SUM)
    body["messages"].append({"role": "assistant", **begun})
    return {**body, "continue_final_message": True}


def whole(client: TestClient) -> dict[str, Any]:
    message: dict[str, Any] = client.post(CHAT, json=sums(SUM)).json()["choices"][0]["message"]
    return message


def test_answer(client: TestClient) -> None:
    thought = whole(client)["reasoning"]
    reply = client.post(CHAT, json=conversation(content="572", reasoning=thought)).json()
    message = reply["choices"][0]["message"]
    assert message["content"] == "90"
    assert message["reasoning"] is None
    assert reply["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_chain_of_thought(client: TestClient) -> None:
    thought = whole(client)["reasoning"]
    begun = thought[: thought.index("\n") + 1]
    message = client.post(CHAT, json=conversation(reasoning=begun)).json()["choices"][0]["message"]
    assert begun + message["reasoning"] == thought
    assert message["content"] == "57290"


def test_stream_tells_what_is_new(client: TestClient) -> None:
    body = {**conversation(content="572", reasoning=whole(client)["reasoning"]), "stream": True}
    text = client.post(CHAT, json=body).text
    assert '"content":"572' not in text
    assert '"content":"90"' in text or '"content":"9"' in text


def test_prompt_has_it(client: TestClient) -> None:
    found = client.post("/render", json=conversation(content="572")).json()
    assert found["prompt"].endswith("<|start|>assistant<|channel|>final<|message|>572")
    assert found["count"] == len(found["tokens"])


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "1"}],
        [
            {"role": "user", "content": "1"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                    }
                ],
            },
        ],
    ],
)
def test_nothing_to_go_on_with(client: TestClient, messages: list[dict[str, Any]]) -> None:
    body = {"messages": messages, "continue_final_message": True}
    reply = client.post(CHAT, json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "continue_final_message"


def test_beginning_that_breaks_the_rules(client: TestClient) -> None:
    form = {"type": "regex", "regex": "abc[0-9]"}
    body = {**conversation(content="b"), "response_format": form}
    reply = client.post(CHAT, json=body)
    assert reply.status_code == 400
    assert "got a beginning of the turn" in reply.json()["error"]["message"]
    reply = client.post(CHAT, json={**body, **conversation(content="ab"), "response_format": form})
    content = reply.json()["choices"][0]["message"]["content"]
    assert content[0] == "c"


def test_responses(client: TestClient) -> None:
    thought = whole(client)["reasoning"]
    body = {
        "input": [
            {"role": "user", "content": SUM},
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": thought}]},
            {"role": "assistant", "content": "572", "phase": "final_answer"},
        ],
        "temperature": 0,
        "continue_final_message": True,
    }
    output = client.post("/v1/responses", json=body).json()["output"]
    assert [item["type"] for item in output] == ["message"]
    assert output[0]["content"][0]["text"] == "90"
    prompt = client.post("/v1/responses/render", json=body).json()
    assert prompt["prompt"].endswith("<|message|>572")
    counted = client.post("/v1/responses/input_tokens", json=body).json()
    assert counted == {"object": "response.input_tokens", "input_tokens": prompt["count"]}


def test_anthropic_prefill(anthropic_sdk: anthropic.Anthropic) -> None:
    messages: Any = [
        {"role": "user", "content": SUM},
        {"role": "assistant", "content": "572"},
    ]
    message = anthropic_sdk.messages.create(
        model="nano", max_tokens=20, messages=messages, extra_body={"temperature": 0}
    )
    (part,) = message.content
    assert part.type == "text"
    assert not part.text.startswith("572")
    counted = anthropic_sdk.messages.count_tokens(model="nano", messages=messages)
    usage = message.usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)
