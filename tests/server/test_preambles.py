"""What is said to the user before a call stands in no answer of a form: programs read all of that as the form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gptoss.chat import Chat
from tests.conftest import Script, ScriptedModel
from tests.server.conftest import MakeClient

CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
SAID = "Let me see."
PREAMBLE = f"<|channel|>commentary<|message|>{SAID}<|end|><|start|>assistant"
CALL = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Oslo"}<|call|>'
# Where no preamble may come, the model is led to the call that begins in the same way.
SCRIPT = PREAMBLE + 4 * CALL
FORMATS: list[dict[str, Any]] = [
    {"type": "json_schema", "name": "place", "schema": CITY},
    {"type": "json_object"},
    {"type": "json_object", "schema": CITY},
    {"type": "regex", "regex": "[a-z]+"},
]


def asked(path: str, form: dict[str, Any] | None) -> dict[str, Any]:
    """A request with a tool, and with a format as that API has it."""
    says = [{"role": "user", "content": "Where?"}]
    function = {"name": "weather", "parameters": CITY}
    if path == "/v1/messages":
        tool = {"name": "weather", "input_schema": CITY}
        shape = {} if form is None else {"output_config": {"format": {**form}}}
        return {"messages": says, "tools": [tool], "max_tokens": 100, **shape}
    if path == "/v1/responses":
        shape = {} if form is None else {"text": {"format": form}}
        return {"input": says, "tools": [{"type": "function", **function}], **shape}
    shape = {} if form is None else {"response_format": form}
    return {"messages": says, "tools": [{"type": "function", "function": function}], **shape}


def forms_of(path: str) -> list[dict[str, Any]]:
    if path == "/v1/messages":
        return [{"type": "json_schema", "schema": CITY}]
    return FORMATS


CASES = [
    (path, form)
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages")
    for form in forms_of(path)
]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(("path", "form"), CASES)
def test_no_preamble_beside_a_form(
    path: str,
    form: dict[str, Any],
    is_stream: bool,
    make_client: MakeClient,
    scripted_nano: Script,
) -> None:
    client = make_client(scripted_nano(SCRIPT))
    reply = client.post(path, json={**asked(path, form), "temperature": 0, "stream": is_stream})
    assert reply.status_code == 200, reply.text
    assert SAID not in reply.text
    assert "weather" in reply.text.split("data:", 1)[-1]
    for text in ('"output_text"', '"text_delta"', '"phase"'):
        assert text not in reply.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_preamble_where_no_form_is_asked_for(
    path: str, make_client: MakeClient, scripted_nano: Script
) -> None:
    client = make_client(scripted_nano(PREAMBLE + CALL))
    reply = client.post(path, json={**asked(path, None), "temperature": 0})
    assert SAID in reply.text


@pytest.mark.parametrize("form", FORMATS)
def test_a_chat(form: dict[str, Any], scripted_model: ScriptedModel) -> None:
    tool = {"name": "weather", "parameters": CITY}
    chat = Chat(scripted_model(SCRIPT), tools=[tool], response_format=form)
    reply = chat.send("Where?")
    assert reply.content == ""
    assert [message.is_tool_call for message in reply.messages] == [True]
    (call,) = reply.tool_calls
    assert json.loads(call.arguments)["city"] in ("Oslo", "Rome")


def test_an_object_of_a_schema(make_client: MakeClient) -> None:
    """As llama.cpp and others have it: held to, told to the model, and said again by the Responses API."""
    client = make_client()
    form = {"type": "json_object", "schema": CITY}
    fields = {"response_format": form, "reasoning_effort": "none", "temperature": 1.5}
    says = [{"role": "user", "content": "Where?"}]
    made = client.post("/v1/chat/completions", json={"messages": says, **fields}).json()
    assert json.loads(made["choices"][0]["message"]["content"])["city"] in ("Oslo", "Rome")
    wrong = {"response_format": {**form, "schema": {"uniqueItems": True}}}
    refused = client.post("/v1/chat/completions", json={"messages": says, **wrong})
    assert "/uniqueItems: got uniqueItems, which cannot be enforced" in refused.text
    wrong["response_format"]["strict"] = False
    made = client.post("/v1/chat/completions", json={"messages": says, **wrong}).json()
    assert made["gptoss"]["not_enforced"] == [
        "the schema of the answer: /uniqueItems is not enforced: got uniqueItems, which cannot be enforced"
    ]
    fields = {"text": {"format": form}, "reasoning": {"effort": "none"}}
    made = client.post("/v1/responses", json={"input": "Where?", **fields}).json()
    assert json.loads(made["output"][-1]["content"][0]["text"])["city"] in ("Oslo", "Rome")
    assert made["text"]["format"] == form
