"""Custom tools in the Chat Completions API, and which tools it has not."""

from __future__ import annotations

import json
import re
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion
from starlette.testclient import TestClient

from tests.conftest import ScriptedModel
from tests.server.conftest import MakeClient, MakeServer, sums

CHAT = "/v1/chat/completions"
RUN = {"type": "custom", "custom": {"name": "run", "description": "Runs code."}}
NAME = {
    "type": "custom",
    "custom": {
        "name": "name",
        "format": {
            "type": "grammar",
            "grammar": {"syntax": "regex", "definition": "[a-z]{3}-[0-9]{2}"},
        },
    },
}
SUM = {
    "type": "custom",
    "custom": {
        "name": "sum",
        "format": {
            "type": "grammar",
            "grammar": {"syntax": "lark", "definition": 'start: N "+" N\nN: /[0-9]{1,3}/'},
        },
    },
}
FIND = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
SHAPES = {"name": r"[a-z]{3}-[0-9]{2}", "sum": r"[0-9]{1,3}\+[0-9]{1,3}"}
CODE = 'print("é")\n\\n'
CALLED = (
    "<|channel|>commentary to=functions.run <|constrain|>json<|message|>"
    + json.dumps({"input": CODE}, ensure_ascii=False)
    + "<|call|>"
)
OFF = {"reasoning_effort": "none"}


def post(client: TestClient, **fields: Any) -> dict[str, Any]:
    reply = client.post(CHAT, json=sums(**fields))
    assert reply.status_code == 200, reply.text[:500]
    ChatCompletion.model_validate(reply.json())
    return dict(reply.json())


def named(name: str) -> dict[str, Any]:
    return {"type": "custom", "custom": {"name": name}}


def allowed(*names: str) -> dict[str, Any]:
    tools = [named(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}}


@pytest.mark.parametrize("name", ["name", "sum"])
@pytest.mark.parametrize("form", [named, allowed])
def test_the_grammar_holds(client: TestClient, name: str, form: Any) -> None:
    tools = [RUN, NAME, SUM, FIND]
    made = post(client, tools=tools, tool_choice=form(name), parallel_tool_calls=False, **OFF)
    (choice,) = made["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert (call["type"], call["custom"]["name"]) == ("custom", name)
    assert re.fullmatch(SHAPES[name], call["custom"]["input"])
    assert choice["finish_reason"] == "tool_calls"


def test_the_text_comes_out_of_its_json(
    make_server: MakeServer, scripted_model: ScriptedModel
) -> None:
    server = make_server(scripted_model(CALLED * 2))
    fields: dict[str, Any] = {"model": "scripted", "tools": [RUN], **sums()}
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk:
        made = sdk.chat.completions.create(**fields)
        (call,) = made.choices[0].message.tool_calls or []
        assert call.type == "custom"
        assert (call.custom.name, call.custom.input) == ("run", CODE)
        name, text = "", ""
        for chunk in sdk.chat.completions.create(**fields, stream=True):
            for delta in chunk.choices[0].delta.tool_calls or ():
                assert delta.index == 0
                # The package's types of chunks know functions alone; what else comes is kept.
                custom = (delta.model_extra or {})["custom"]
                name += custom.get("name", "")
                text += custom.get("input", "")
        assert (name, text) == ("run", CODE)


def test_streams_of_bare_text(client: TestClient) -> None:
    fields = {"tools": [SUM], "tool_choice": named("sum"), **OFF}
    whole = post(client, **fields)["choices"][0]["message"]["tool_calls"][0]["custom"]["input"]
    reply = client.post(CHAT, json=sums(stream=True, **fields))
    lines = [line[6:] for line in reply.text.splitlines() if line.startswith("data: {")]
    deltas = [
        delta
        for line in lines
        for choice in json.loads(line)["choices"]
        for delta in choice["delta"].get("tool_calls", ())
    ]
    assert deltas[0]["type"] == "custom"
    assert all("function" not in delta for delta in deltas)
    assert "".join(delta["custom"].get("input", "") for delta in deltas) == whole


def test_calls_of_both_kinds_come_back(client: TestClient) -> None:
    calls = [
        {"id": "a", "type": "custom", "custom": {"name": "run", "input": CODE}},
        {"id": "b", "type": "custom", "custom": {"name": "sum", "input": "1+2<|call|>"}},
        {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}},
    ]
    messages = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "<|return|>"},
        {"role": "tool", "tool_call_id": "b", "content": "3"},
        {"role": "tool", "tool_call_id": "c", "content": "none"},
    ]
    fields = {"messages": messages, "tools": [RUN, SUM, FIND]}
    reply = client.post("/render", json=fields)
    assert reply.status_code == 200, reply.text
    prompt = reply.json()["prompt"]
    assert (
        f"<|constrain|>json<|message|>{json.dumps({'input': CODE}, ensure_ascii=False)}" in prompt
    )
    assert " to=functions.sum<|channel|>commentary<|message|>1+2<|call|><|call|>" in prompt
    assert "<|start|>functions.run to=assistant<|channel|>commentary<|message|><|return|>" in prompt
    made = post(client, **{**sums(**fields), "tool_choice": "none"})
    assert "tool_calls" not in made["choices"][0]["message"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": [{"type": "custom"}]}, "tools.0.name: got nothing"),
        ({"tools": [{"type": "custom", "custom": {"name": "a b"}}]}, "one word"),
        ({"tools": [RUN, RUN]}, "got 'run' twice"),
        (
            {"tools": [{"type": "custom", "name": "r", "format": "text"}]},
            "tools.0.format: got 'text', wanted",
        ),
        (
            {
                "tools": [
                    {
                        "type": "custom",
                        "name": "r",
                        "format": {"type": "grammar", "syntax": "regex", "definition": "["},
                    }
                ]
            },
            "the grammar of the input of functions.r cannot be used",
        ),
        ({"tools": [RUN], "tool_choice": {"type": "function", "name": "run"}}, "as custom"),
        ({"tools": [{"type": "shell"}]}, "/v1/responses has that type"),
        ({"tools": [{"type": "wand"}]}, "wanted 'function', 'custom', 'code_interpreter' or 'mcp'"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]}]},
            "messages.0.tool_calls.0.name: got nothing",
        ),
        ({"verbosity": "loud"}, "verbosity"),
    ],
)
def test_what_is_refused(client: TestClient, fields: dict[str, Any], said: str) -> None:
    reply = client.post(CHAT, json={**sums(), **fields})
    assert reply.status_code == 400, reply.text[:300]
    assert said in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("verbosity", "ignored"),
    [("low", ["verbosity"]), ("high", ["verbosity"]), ("medium", []), (None, [])],
)
def test_verbosity_is_said_to_do_nothing(
    client: TestClient, verbosity: str | None, ignored: list[str]
) -> None:
    made = post(client, verbosity=verbosity, max_tokens=1)
    assert made["gptoss"]["ignored"] == ignored
    reply = client.post(CHAT, json=sums(verbosity=verbosity, max_tokens=1, stream=True))
    lines = [line[6:] for line in reply.text.splitlines() if line.startswith("data: {")]
    assert json.loads(lines[-1])["gptoss"]["ignored"] == ignored


def test_hostile_grammars_end_their_own_request(make_client: MakeClient) -> None:
    client = make_client()
    deep = "\n".join(["start: r0", *(f"r{n}: r{n + 1}" for n in range(3500)), 'r3500: "a"'])
    for definition, said in (
        # The model is told of it, and its context is smaller: it is not even compiled (tests/structured/test_bombs.py).
        (deep, "maximum context length"),
        ("start: <[200002]>", "no special tokens"),
        ('start: "a" @args0', "no other grammars"),
    ):
        form = {"type": "grammar", "syntax": "lark", "definition": definition}
        tools = [{"type": "custom", "name": "t", "format": form}]
        reply = client.post(CHAT, json=sums(tools=tools))
        assert reply.status_code == 400
        assert said in reply.json()["error"]["message"]
    assert post(client)["choices"][0]["message"]["content"] == "46"
