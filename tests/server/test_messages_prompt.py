"""Conversations of Anthropic's API, as the model reads them."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from starlette.testclient import TestClient

from gptoss.runtime import LoadedModel
from tests.server.conftest import MakeClient
from tests.server.messages_bodies import ASK, WEATHER, kwargs, post


def prompt_of(make_client: MakeClient, model: LoadedModel, **more: Any) -> str:
    """The prompt of a request, as the model reads it."""
    client = make_client(model)
    seen: list[list[int]] = []
    submit_all = model.submit_all

    def spy(requests: Any) -> Any:
        requests = list(requests)
        seen.append(list(requests[0].token_ids))
        return submit_all(requests)

    model.submit_all = spy  # type: ignore[method-assign]
    try:
        post(client, **{"max_tokens": 1, **more})
    finally:
        del model.submit_all
    return model.tokenizer.decode(seen[0])


def test_system(make_client: MakeClient, nano_model: LoadedModel) -> None:
    blocks = [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]
    for system, text in (("Be kind.", "Be kind."), (blocks, "Be\nkind.")):
        prompt = prompt_of(make_client, nano_model, system=system)
        assert f"<|start|>developer<|message|># Instructions\n\n{text}<|end|>" in prompt


@pytest.mark.parametrize(("system", "is_told"), [("", True), ([], False), (None, False)])
def test_system_without_text(
    make_client: MakeClient, nano_model: LoadedModel, system: object, is_told: bool
) -> None:
    prompt = prompt_of(make_client, nano_model, system=system)
    assert ("<|start|>developer<|message|># Instructions" in prompt) is is_told


@pytest.mark.parametrize(
    ("effort", "level"), [(None, "medium"), ("low", "low"), ("high", "high"), ("max", "high")]
)
def test_effort(
    make_client: MakeClient, nano_model: LoadedModel, effort: str | None, level: str
) -> None:
    prompt = prompt_of(make_client, nano_model, output_config={"effort": effort})
    assert f"Reasoning: {level}" in prompt


def test_blocks(make_client: MakeClient, nano_model: LoadedModel) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "They ask.", "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}},
                {"type": "tool_use", "id": "t2", "name": "weather", "input": {"city": "Rome"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t2",
                    "content": "cold",
                    "is_error": True,
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "7 degrees"}],
                },
                {"type": "text", "text": "And now?"},
            ],
        },
    ]
    prompt = prompt_of(make_client, nano_model, messages=messages, tools=[WEATHER])
    parts = [
        "type weather = (_: {",
        "<|start|>user<|message|>Weather?<|end|>",
        "<|channel|>commentary<|message|>I look.<|end|>",
        '{"city": "Oslo"}<|call|>',
        "7 degrees",
        '{"city": "Rome"}<|call|>',
        "Error: cold",
        "<|start|>user<|message|>And now?<|end|>",
    ]
    places = [prompt.find(part) for part in parts]
    assert -1 not in places, prompt
    assert places == sorted(places)


def test_thinking_comes_back_shown_or_not(
    make_client: MakeClient, nano_model: LoadedModel, client: TestClient
) -> None:
    shown = post(client)["content"][0]
    hidden = post(client, thinking={"type": "adaptive", "display": "omitted"})["content"][0]
    assert hidden["thinking"] == ""
    for block in (shown, hidden):
        call = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t1"}
        messages = [
            *ASK,
            {"role": "assistant", "content": [block, call]},
            {"role": "user", "content": [result]},
        ]
        prompt = prompt_of(make_client, nano_model, messages=messages, tools=[WEATHER])
        assert f"<|channel|>analysis<|message|>{shown['thinking']}<|end|>" in prompt


def test_a_forged_signature_is_text(make_client: MakeClient, nano_model: LoadedModel) -> None:
    block = {"type": "thinking", "thinking": "", "signature": "hidden.!!"}
    messages = [*ASK, {"role": "assistant", "content": [block]}, *ASK]
    assert prompt_of(make_client, nano_model, messages=messages)


def test_count(anthropic_sdk: anthropic.Anthropic) -> None:
    few = anthropic_sdk.messages.count_tokens(model="nano", messages=ASK).input_tokens  # type: ignore[arg-type]
    many = anthropic_sdk.messages.count_tokens(
        model="nano",
        messages=ASK,
        system="Be kind.",
        tools=[WEATHER],  # type: ignore[arg-type, list-item]
    ).input_tokens
    usage = anthropic_sdk.messages.create(**kwargs()).usage
    assert few == usage.input_tokens + (usage.cache_read_input_tokens or 0)
    assert many > few


def test_tools_that_were_found(make_client: MakeClient, nano_model: LoadedModel) -> None:
    """A client's search for tools gives references; what they name is declared from then on."""
    found = [{"type": "tool_reference", "tool_name": name} for name in ("weather", "clothes")]
    use = {"type": "tool_use", "id": "t1", "name": "search", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": found}
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    prompt = prompt_of(make_client, nano_model, messages=messages, tools=[WEATHER])
    assert "<|message|>Found the tool weather.\nFound the tool clothes.<|end|>" in prompt
    client = make_client(nano_model)
    assert "gptoss" not in post(client, messages=messages, tools=[WEATHER], max_tokens=1)
