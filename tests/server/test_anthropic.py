"""`/v1/messages`, read by Anthropic's own client."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from tests.conftest import ScriptedModel
from tests.server.conftest import KEY, MakeClient, MakeServer, keys_of, wait_until
from tests.server.messages_bodies import ASK, CITY, OFF, PATH, WEATHER, body, kwargs, post, stream

PREAMBLE_AND_CALL = (
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
    "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>"
    '{"city": "Oslo"}<|call|>'
)
ENDLESS = "<|channel|>final<|message|>" + "and on " * 2000
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


class TestWhole:
    """Answers in one piece."""

    def test_an_answer(self, anthropic_sdk: anthropic.Anthropic) -> None:
        made = anthropic_sdk.messages.create(**kwargs())
        thinking, text = made.content
        assert thinking.type == "thinking"
        assert "00012" in thinking.thinking
        assert thinking.signature
        assert text.type == "text"
        assert text.text == "46"
        assert (made.stop_reason, made.stop_sequence) == ("end_turn", None)
        assert (made.type, made.role, made.model) == ("message", "assistant", "nano")
        assert made.id.startswith("msg_")
        assert made._request_id
        assert made.usage.output_tokens > 10

    def test_cached_tokens_are_counted_apart(self, client: TestClient) -> None:
        first, second = (
            post(client, messages=[{"role": "user", "content": "8 + 9"}])["usage"] for _ in range(2)
        )
        for usage in (first, second):
            total = client.post(
                f"{PATH}/count_tokens",
                json={"model": "nano", "messages": [{"role": "user", "content": "8 + 9"}]},
            ).json()["input_tokens"]
            assert usage["input_tokens"] + usage["cache_read_input_tokens"] == total
        assert second["cache_read_input_tokens"] > 0

    def test_without_thinking(self, client: TestClient) -> None:
        made = post(client, thinking=OFF)
        assert [block["type"] for block in made["content"]] == ["text"]

    def test_what_was_not_asked_for_is_not_told(self, client: TestClient) -> None:
        for more in ({}, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}):
            made = post(client, thinking=None, **more)
            assert [block["type"] for block in made["content"]] == ["text"]
            assert made["usage"]["output_tokens_details"]["thinking_tokens"] > 0
        told = stream(client, thinking=None)
        starts = [each["content_block"] for each in told if each["type"] == "content_block_start"]
        assert [block["type"] for block in starts] == ["text"]
        with_tools = post(client, thinking=None, tools=[WEATHER], tool_choice={"type": "none"})
        assert with_tools["content"][0]["type"] == "thinking"

    def test_a_budget_of_thinking(self, client: TestClient) -> None:
        made = post(client, thinking={"type": "enabled", "budget_tokens": 5})
        assert made["usage"]["output_tokens_details"]["thinking_tokens"] <= 5

    @pytest.mark.parametrize("kind", ["adaptive", "between_tools"])
    def test_other_kinds_of_thinking(self, client: TestClient, kind: str) -> None:
        made = post(client, thinking={"type": kind})
        assert [block["type"] for block in made["content"]] == ["thinking", "text"]

    @pytest.mark.parametrize("display", ["summarized", "updates"])
    def test_thinking_is_shown(self, client: TestClient, display: str) -> None:
        made = post(client, thinking={"type": "adaptive", "display": display})
        assert made["content"][0]["thinking"]

    def test_max_tokens(self, client: TestClient) -> None:
        made = post(client, max_tokens=5)
        assert made["stop_reason"] == "max_tokens"
        assert made["usage"]["output_tokens"] == 5

    def test_the_end_of_the_context(
        self, make_client: MakeClient, scripted_model: ScriptedModel
    ) -> None:
        model = scripted_model(ENDLESS)
        client = make_client(model)
        ask = [{"role": "user", "content": "1 " * ((model.context - 100) // 2)}]
        count = client.post(f"{PATH}/count_tokens", json={"messages": ask}).json()["input_tokens"]
        assert model.context - 100 < count < model.context
        made = post(client, model=None, messages=ask, max_tokens=3000)
        assert made["stop_reason"] == "model_context_window_exceeded"

    @pytest.mark.parametrize("stops", [["6"], ["x", "6"]])
    def test_stop_sequences(self, client: TestClient, stops: list[str]) -> None:
        made = post(client, stop_sequences=stops)
        assert (made["stop_reason"], made["stop_sequence"]) == ("stop_sequence", "6")
        assert made["content"][-1]["text"] == "4"
        events = stream(client, stop_sequences=stops)
        assert events[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "6"}

    def test_a_shape(self, client: TestClient) -> None:
        config = {"effort": "low", "format": {"type": "json_schema", "schema": CITY}}
        made = post(client, output_config=config, thinking=OFF)
        assert json.loads(made["content"][0]["text"])["city"] in ("Oslo", "Rome")

    def test_ignored_fields(self, client: TestClient) -> None:
        fields = {
            "metadata": {"user_id": "me"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
            "service_tier": "auto",
            "system": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}],
            "top_p": 0.9,
            "top_k": 5,
            "x_new": 1,
        }
        assert post(client, **fields)["content"]


class TestTools:
    """Calls."""

    @pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "weather"}])
    def test_forced(self, client: TestClient, choice: dict[str, Any]) -> None:
        choice = {**choice, "disable_parallel_tool_use": True}
        made = post(client, tools=[WEATHER], tool_choice=choice, thinking=OFF)
        (block,) = made["content"]
        assert (block["type"], block["name"]) == ("tool_use", "weather")
        assert block["input"]["city"] in ("Oslo", "Rome")
        assert made["stop_reason"] == "tool_use"

    def test_none(self, client: TestClient) -> None:
        made = post(client, tools=[WEATHER], tool_choice={"type": "none"})
        assert all(block["type"] != "tool_use" for block in made["content"])

    def test_auto_without_tools(self, client: TestClient) -> None:
        assert post(client, tool_choice={"type": "auto"})["stop_reason"] == "end_turn"

    def test_a_round_trip(self, anthropic_sdk: anthropic.Anthropic) -> None:
        choice = {"type": "any", "disable_parallel_tool_use": True}
        fields: dict[str, Any] = {"tools": [WEATHER], "thinking": OFF}
        made = anthropic_sdk.messages.create(**kwargs(**fields, tool_choice=choice))
        call = made.content[-1]
        assert call.type == "tool_use"
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "7 degrees"}
        messages = [
            *ASK,
            {"role": "assistant", "content": made.content},
            {"role": "user", "content": [result]},
        ]
        last = anthropic_sdk.messages.create(
            **kwargs(**{**fields, "messages": messages}, tool_choice={"type": "none"})
        )
        assert last.stop_reason in ("end_turn", "max_tokens")

    def test_a_preamble(self, make_client: MakeClient, scripted_model: ScriptedModel) -> None:
        fields = {"model": None, "tools": [WEATHER]}
        made = post(make_client(scripted_model(PREAMBLE_AND_CALL)), **fields)
        kinds = [block["type"] for block in made["content"]]
        assert kinds == ["thinking", "text", "tool_use"]
        assert made["content"][1]["text"] == "I look."
        assert made["content"][2]["input"] == {"city": "Oslo"}
        events = stream(make_client(scripted_model(PREAMBLE_AND_CALL)), **fields)
        starts = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
        assert starts == kinds

    def test_a_call_cut_short(self, make_client: MakeClient, scripted_model: ScriptedModel) -> None:
        made = post(
            make_client(scripted_model(PREAMBLE_AND_CALL)),
            model=None,
            tools=[WEATHER],
            max_tokens=28,
        )
        assert made["stop_reason"] == "max_tokens"

    def test_a_result_without_a_call_is_told_by_its_place(self, client: TestClient) -> None:
        said = [*ASK, {"role": "assistant", "content": "Well."}]
        result = {"type": "tool_result", "tool_use_id": "x", "content": "1"}
        reply = client.post(
            PATH,
            json=body(system="Be kind.", messages=[*said, {"role": "user", "content": [result]}]),
        )
        message = reply.json()["error"]["message"]
        assert message.startswith(
            "messages.2.content.0: got a tool's result for the call 'x', but no"
        )

    @pytest.mark.parametrize(
        "fields",
        [
            {"tools": [{"name": "f"}]},
            {"tools": [{"name": "a b", "input_schema": CITY}]},
            {"tools": [WEATHER, WEATHER]},
            {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "none"}},
            {"tools": [WEATHER], "tool_choice": {"type": "tool"}},
            {"tools": [WEATHER], "tool_choice": "auto"},
            {"tool_choice": {"type": "any"}},
            {"max_tokens": -1},
            {"max_tokens": None},
            {"max_tokens": True},
            {"stop_sequences": ["a"] * 17},
            {"stop_sequences": [""]},
            {"stop_sequences": "a"},
            {"temperature": 3},
            {"thinking": {"type": "enabled", "budget_tokens": -1}},
            {"thinking": {"type": "wild"}},
            {"thinking": True},
            {"system": 3},
            {"system": [{"type": "image"}]},
            {"messages": []},
            {"messages": [{"role": "user"}]},
            {"messages": [{"role": "user", "content": ["text"]}]},
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}
                ]
            },
            {"messages": [{"role": "tool", "content": "x"}]},
            {"messages": [*ASK, {"role": "assistant", "content": [{"type": "tool_use"}]}, *ASK]},
            {"output_config": {"format": {"type": "xml"}}},
            {"output_config": {"effort": "huge"}},
            {"mcp_servers": [{"url": "http://localhost"}]},
            {"container": "x"},
        ],
        ids=lambda fields: repr(fields)[:60],
    )
    def test_wrong(self, client: TestClient, fields: dict[str, Any]) -> None:
        reply = client.post(PATH, json=body(**fields))
        assert reply.status_code == 400, reply.text[:300]
        made = reply.json()
        assert made["type"] == "error"
        assert made["error"]["type"] == "invalid_request_error"
        assert made["request_id"] == reply.headers["request-id"] == reply.headers["x-request-id"]


class TestStreams:
    """Answers piece by piece."""

    def test_events(self, client: TestClient) -> None:
        events = stream(client)
        for event in events:
            if event["type"] != "ping":
                EVENT.validate_python(event)
        kinds = [event["type"] for event in events]
        assert kinds[:3] == ["message_start", "ping", "content_block_start"]
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
        deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
        assert "".join(each.get("text", "") for each in deltas) == "46"
        assert "".join(each.get("thinking", "") for each in deltas).endswith("= 000046")
        assert sum(each["type"] == "signature_delta" for each in deltas) == 1
        whole = post(client)["usage"]
        usage = events[-2]["usage"]
        assert usage["output_tokens"] == whole["output_tokens"]
        assert events[0]["message"]["usage"]["input_tokens"] == (
            usage["input_tokens"] + usage["cache_read_input_tokens"]
        )

    def test_the_helper(self, anthropic_sdk: anthropic.Anthropic) -> None:
        with anthropic_sdk.messages.stream(**kwargs()) as events:
            assert "".join(events.text_stream) == "46"
            final = events.get_final_message()
        assert [block.type for block in final.content] == ["thinking", "text"]
        assert final.content[0].signature  # type: ignore[union-attr]
        assert final.stop_reason == "end_turn"

    def test_the_helper_with_tools(self, anthropic_sdk: anthropic.Anthropic) -> None:
        choice = {"type": "any", "disable_parallel_tool_use": True}
        fields = kwargs(tools=[WEATHER], tool_choice=choice, thinking=OFF)
        with anthropic_sdk.messages.stream(**fields) as events:
            kinds = {event.type for event in events}
            final = events.get_final_message()
        assert "input_json" in kinds
        (call,) = final.content
        assert call.type == "tool_use"
        assert call.input["city"] in ("Oslo", "Rome")
        assert final.stop_reason == "tool_use"

    def test_hidden_thinking(self, client: TestClient) -> None:
        events = stream(client, thinking={"type": "adaptive", "display": "omitted"})
        deltas = [
            event["delta"]["type"] for event in events if event["type"] == "content_block_delta"
        ]
        assert deltas[0] == "signature_delta"
        assert "thinking_delta" not in deltas

    def test_a_client_that_goes(
        self, make_server: MakeServer, scripted_model: ScriptedModel
    ) -> None:
        model = scripted_model(ENDLESS, 0.01)
        server = make_server(model)
        with (
            anthropic.Anthropic(base_url=server.url, api_key="x", max_retries=0) as sdk,
            sdk.messages.stream(**kwargs(model="scripted", max_tokens=4000)) as events,
        ):
            next(iter(events.text_stream))
            wait_until(lambda: model.load_now.running == 1)
        wait_until(lambda: model.load_now.running == 0, 15)
        assert server.service._running == set()

    def test_a_fault(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_: Any) -> Any:
            raise RuntimeError("secret")
            yield

        monkeypatch.setattr("gptoss.server.service.Service.events", fail)
        last = stream(client)[-1]
        assert (last["type"], last["error"]["type"]) == ("error", "api_error")
        assert "secret" not in json.dumps(last)


class TestErrors:
    """In Anthropic's words, wherever they come from."""

    def test_no_key(self, make_client: MakeClient) -> None:
        client = make_client(keys=keys_of(KEY))
        reply = client.post(PATH, json=body())
        assert (reply.status_code, reply.json()["error"]["type"]) == (401, "authentication_error")
        assert reply.json()["request_id"]
        assert client.post(PATH, json=body(), headers={"x-api-key": KEY}).status_code == 200

    def test_another_model(self, anthropic_sdk: anthropic.Anthropic) -> None:
        with pytest.raises(anthropic.NotFoundError) as caught:
            anthropic_sdk.messages.create(**kwargs(model="claude-x"))
        assert caught.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]

    def test_too_large(self, make_client: MakeClient) -> None:
        reply = make_client(max_body_bytes=10).post(PATH, json=body())
        assert (reply.status_code, reply.json()["error"]["type"]) == (413, "request_too_large")

    def test_no_json(self, client: TestClient) -> None:
        reply = client.post(PATH, content=b"{", headers={"content-type": "application/json"})
        assert (reply.status_code, reply.json()["type"]) == (400, "error")

    def test_the_context(self, client: TestClient) -> None:
        reply = client.post(PATH, json=body(messages=[{"role": "user", "content": "1 2 " * 5000}]))
        assert (reply.status_code, reply.json()["type"]) == (400, "error")
