"""What a response goes on from: what is kept, sealed, referred to, and left out where it would not fit."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import pytest
from starlette.testclient import TestClient

from gptoss.harmony import Conversation, DeveloperContent, Message, Role, render
from gptoss.runtime import LoadedModel
from gptoss.server.responses.input import Block
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.store import ResponseStore
from gptoss.server.responses.truncation import fitted
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from gptoss.tools import ToolSet
from tests.server.responses_shapes import (
    asked,
    create,
    refused,
    require_items,
    require_response,
    streamed,
)


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
    assert error["param"] == "input.1.encrypted_content"


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
        return request.asked(kept, ToolSet(), settings).conversation

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
