"""Tools of all kinds in the Responses API: declared, called, told, answered; chosen, and refused."""

from __future__ import annotations

import json
import re
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseInputItem
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from tests.conftest import Script
from tests.server.conftest import MakeClient, MakeServer
from tests.server.responses_shapes import (
    ANSWER,
    TOOL,
    asked,
    create,
    require_items,
    streamed,
)
from tests.server.tool_items import (
    ALL,
    ARGUMENTS,
    CRM,
    LOCAL_SHELL,
    NAME,
    PATCH,
    SAID,
    SHELL,
    SUM,
    WRITTEN,
    Json,
    output_of,
)

OFF = {"reasoning": {"effort": "none"}}
ITEM: TypeAdapter[Any] = TypeAdapter(ResponseInputItem)


def require_said(call: Json, name: str) -> None:
    """It is what the model wrote, and as much as openai's types have fields for."""
    ids = {field: call[field] for field in ("id", "call_id")}
    assert call == {**SAID[name], **ids, "status": "completed"}
    assert len(set(ids.values())) == 2


@pytest.mark.parametrize("name", SAID)
def test_a_call_and_its_result(make_client: MakeClient, scripted_nano: Script, name: str) -> None:
    """Kept by the server, then sent in full, which makes the same prompt."""
    client = make_client(scripted_nano(WRITTEN[name] + ANSWER.replace("<|start|>assistant", "")))
    first = create(client, **asked("Go", tools=ALL))
    (call,) = first["output"]
    require_said(call, name)
    result = output_of(call)
    ITEM.validate_python(result)
    more = asked([result], previous_response_id=first["id"], tools=ALL)
    kept = client.post("/v1/responses/render", json=more).json()["prompt"]
    user = {"role": "user", "content": "Go"}
    sent = client.post("/v1/responses/render", json=asked([user, call, result], tools=ALL)).json()
    assert sent["prompt"] == kept
    # What the model wrote is what it reads again.
    header, _, text = WRITTEN[name].removesuffix("<|call|>").partition("<|message|>")
    assert f"<|message|>{text}<|call|>" in kept
    recipient = header.partition(" to=")[2].split()[0]
    assert f"<|start|>{recipient} to=assistant<|channel|>commentary<|message|>" in kept
    last = create(client, **more)
    assert last["output"][0]["content"][0]["text"] == "A cat."
    items = require_items(client.get(f"/v1/responses/{last['id']}/input_items?order=asc").json())
    assert [item["type"] for item in items] == ["message", call["type"], result["type"]]
    assert items[1] == call


@pytest.mark.parametrize("name", SAID)
def test_streams(make_client: MakeClient, scripted_nano: Script, name: str) -> None:
    client = make_client(scripted_nano(WRITTEN[name]))
    events = streamed(client, **asked("Go", tools=ALL))
    (call,) = events[-1]["response"]["output"]
    require_said(call, name)


@pytest.mark.parametrize(
    ("tool", "choice", "shape"),
    [
        (NAME, {"type": "custom", "name": "name"}, r"[a-z]{3}-[0-9]{2}"),
        (SUM, {"type": "custom", "name": "sum"}, r"[0-9]{1,3}\+[0-9]{1,3}"),
        (SUM, "required", r"[0-9]{1,3}\+[0-9]{1,3}"),
        (
            SUM,
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "custom", "name": "sum"}],
            },
            r"[0-9]{1,3}\+[0-9]{1,3}",
        ),
        (
            CRM,
            {"type": "custom", "name": "query", "namespace": "crm"},
            r"[a-z]{3}-[0-9]{2}",
        ),
        (CRM, {"type": "custom", "name": "crm.query"}, r"[a-z]{3}-[0-9]{2}"),
    ],
)
def test_the_grammar_holds(client: TestClient, tool: Json, choice: object, shape: str) -> None:
    fields = asked("Go", tools=[tool], tool_choice=choice, parallel_tool_calls=False, **OFF)
    made = create(client, **fields)
    (call,) = made["output"]
    assert call["type"] == "custom_tool_call"
    assert re.fullmatch(shape, call["input"])
    last = streamed(client, **fields)[-1]["response"]
    assert last["output"][0]["input"] == call["input"]


@pytest.mark.parametrize(
    ("tool", "choice"),
    [
        (LOCAL_SHELL, {"type": "local_shell"}),
        (SHELL, {"type": "shell"}),
        (PATCH, {"type": "apply_patch"}),
        (SHELL, "required"),
        (SHELL, {"type": "allowed_tools", "mode": "required", "tools": [{"type": "shell"}]}),
        (CRM, {"type": "function", "name": "find", "namespace": "crm"}),
        (CRM, {"type": "function", "name": "crm.find"}),
    ],
)
def test_a_forced_call_is_whole_or_not_told(client: TestClient, tool: Json, choice: object) -> None:
    """Nano knows nothing of shells, and writes until its tokens end."""
    fields = asked("Go", tools=[tool], tool_choice=choice, max_output_tokens=60, **OFF)
    fields["parallel_tool_calls"] = False
    made = streamed(client, **fields)[-1]["response"]
    kind, cut = tool["type"], made["gptoss"]["cut_calls"]
    if made["status"] == "completed" or kind == "namespace":
        (call,) = made["output"]
        name = "function_call" if kind == "namespace" else f"{kind}_call"
        assert (call["type"], call["status"], cut) == (name, made["status"], [])
        assert call.get("namespace") == (CRM["name"] if kind == "namespace" else None)
    else:
        assert made["output"] == []
        assert [each["name"] for each in cut] == [kind]
        assert cut[0]["arguments"].startswith("{")


@pytest.mark.parametrize("name", ARGUMENTS)
def test_half_a_command_is_not_told(
    make_client: MakeClient, scripted_nano: Script, name: str
) -> None:
    client = make_client(scripted_nano(WRITTEN[name] + "<|return|>" * 50))
    made = create(client, **asked("Go", tools=ALL, max_output_tokens=20))
    assert (made["status"], made["output"]) == ("incomplete", [])
    (cut,) = made["gptoss"]["cut_calls"]
    assert cut["name"] == name
    assert json.dumps(ARGUMENTS[name]).startswith(cut["arguments"])


def test_half_a_text_is(make_client: MakeClient, scripted_nano: Script) -> None:
    client = make_client(scripted_nano(WRITTEN["run"]))
    made = create(client, **asked("Go", tools=ALL, max_output_tokens=30))
    (call,) = made["output"]
    assert call["status"] == "incomplete"
    assert SAID["run"]["input"].startswith(call["input"])
    assert call["input"]


def test_one_that_is_not_to_be_called_is_not_told_of(client: TestClient) -> None:
    made = create(client, **asked(tools=ALL, tool_choice="none"))
    assert made["output"][-1]["content"][0]["text"] == "46"
    fields = asked("1", tools=ALL, tool_choice="none")
    assert "namespace" not in client.post("/v1/responses/render", json=fields).json()["prompt"]
    assert "custom" not in client.post("/v1/responses/render", json=fields).json()["prompt"]


def test_calls_before_are_read_as_they_were_without_tools_now(client: TestClient) -> None:
    """Where none may be called, what was written before stays bare or wrapped, as it was."""
    calls = [{**SAID[name], "call_id": name} for name in ("run", "name")]
    given = [{"role": "user", "content": "Go"}, *calls]
    for choice in ("auto", "none"):
        fields = asked(given, tools=ALL, tool_choice=choice)
        prompt = client.post("/v1/responses/render", json=fields).json()["prompt"]
        assert "to=functions.name<|channel|>commentary<|message|>ada-01<|call|>" in prompt
        assert '<|constrain|>json<|message|>{"input": "print(' in prompt


def test_echoes(client: TestClient) -> None:
    nested = {"type": "custom", "custom": {"name": "run"}}
    made = create(client, **asked(tools=[TOOL, *ALL], max_output_tokens=1))
    assert made["tools"] == [TOOL, *ALL]
    for choice, echoed in (
        ({"type": "shell"}, {"type": "shell"}),
        ({"type": "apply_patch"}, {"type": "apply_patch"}),
        (nested, {"type": "custom", "name": "run"}),
        (
            {"type": "local_shell"},
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "local_shell"}]},
        ),
        (
            {"type": "allowed_tools", "tools": [{"type": "shell"}]},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "shell"}]},
        ),
    ):
        made = create(client, **asked(tools=ALL, tool_choice=choice, max_output_tokens=1))
        assert made["tool_choice"] == echoed


def test_skills_are_told(client: TestClient) -> None:
    skill = {"name": "pdf", "description": "Reads PDFs.<|end|>", "path": "/skills/pdf"}
    tool = {"type": "shell", "environment": {"type": "local", "skills": [skill]}}
    rendered = client.post("/v1/responses/render", json=asked(tools=[tool])).json()
    assert "// - pdf (/skills/pdf): Reads PDFs.<|end|>" in rendered["prompt"]
    assert create(client, **asked(tools=[tool], max_output_tokens=1))["tools"] == [tool]


def test_results_as_the_model_reads_them(client: TestClient) -> None:
    calls = [{**SAID[name], "call_id": name} for name in ("shell", "apply_patch", "local_shell")]
    shell, patch = calls[:2]
    given = [
        {"role": "user", "content": "Go"},
        *calls,
        output_of(shell, max_output_length=10),
        output_of(patch, status="failed", output="no such file <|call|>"),
        # As openai's types have it: the call's id in the field `id`.
        {"type": "local_shell_call_output", "id": "local_shell", "output": "{}"},
    ]
    prompt = client.post("/v1/responses/render", json=asked(given, tools=ALL)).json()["prompt"]
    assert (
        '[{"stdout": "a\\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}' in prompt
    )
    assert "<|message|>Error: no such file <|call|><|end|>" in prompt
    assert "<|start|>functions.local_shell to=assistant<|channel|>commentary<|message|>{}" in prompt
    for status, output, said in (
        ("failed", None, "Error: the patch could not be applied"),
        ("completed", None, "Done."),
        ("completed", "Created", "Created"),
    ):
        result = {k: v for k, v in output_of(patch, status=status, output=output).items() if v}
        fields = asked([*given[:2], patch, result], tools=ALL)
        prompt = client.post("/v1/responses/render", json=fields).json()["prompt"]
        assert f"<|message|>{said}<|end|>" in prompt


def test_a_local_shells_result_by_the_items_id(client: TestClient) -> None:
    call = {**SAID["local_shell"], "call_id": "c", "id": "lsh_1"}
    output = {"type": "local_shell_call_output", "id": "lsh_1", "output": "x"}
    made = create(client, **asked([call, output, {"role": "user", "content": "1 + 1"}]))
    items = require_items(client.get(f"/v1/responses/{made['id']}/input_items?order=asc").json())
    assert [item["type"] for item in items][:2] == [call["type"], output["type"]]
    assert len({item["id"] for item in items}) == 3


@pytest.mark.parametrize(
    ("verbosity", "ignored"), [("low", ["text.verbosity"]), ("medium", []), (None, [])]
)
def test_verbosity_is_said_to_do_nothing(
    client: TestClient, verbosity: str | None, ignored: list[str]
) -> None:
    made = create(client, **asked(text={"verbosity": verbosity}, max_output_tokens=1))
    assert made["gptoss"]["ignored"] == ignored
    assert made["text"].get("verbosity") == verbosity


def test_openais_client(make_server: MakeServer, scripted_nano: Script) -> None:
    names = ["run", "shell", "apply_patch"]
    server = make_server(scripted_nano("".join(WRITTEN[name] for name in names)))
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk:
        fields: Json = {"model": "scripted", "input": "Go", "tools": ALL}
        text, commands = "", []
        with sdk.responses.stream(**fields) as stream:
            for event in stream:
                if event.type == "response.custom_tool_call_input.delta":
                    text += event.delta
            (call,) = stream.get_final_response().output
        assert call.type == "custom_tool_call"
        assert text == call.input == SAID["run"]["input"]
        for event in sdk.responses.create(**fields, stream=True):
            if event.type == "response.shell_call_command.done":
                commands.append(event.command)
        assert commands == ARGUMENTS["shell"]["commands"]
        (patch,) = sdk.responses.create(**fields).output
        assert patch.type == "apply_patch_call"
        assert patch.operation.to_dict() == ARGUMENTS["apply_patch"]
