"""`/v1/chat/completions`, read by OpenAI's own client."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel
from starlette.testclient import TestClient

from gptoss.runtime import LoadedModel
from tests.conftest import ScriptedModel
from tests.server.conftest import MakeClient, sums

CHAT = "/v1/chat/completions"
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}
TIME = {"type": "function", "function": {"name": "time"}}
FORCED = {
    "tools": [WEATHER, TIME],
    "reasoning_effort": "none",
    "parallel_tool_calls": False,
    "max_completion_tokens": 300,
}
PREAMBLE_AND_CALL = (
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
    "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>"
    '{"city": "Oslo"}<|call|>'
)


class City(BaseModel):
    """A place."""

    city: Literal["Oslo", "Rome"]


def stream(client: TestClient, **fields: Any) -> list[dict[str, Any]]:
    """Data of all events but the last, which must be [DONE]."""
    with client.stream("POST", CHAT, json=sums(**{"stream": True, **fields})) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line[6:] for line in reply.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


class TestWhole:
    """Answers in one piece."""

    def test_an_answer(self, openai_sdk: openai.OpenAI) -> None:
        made = openai_sdk.chat.completions.create(model="nano", **sums())
        (choice,) = made.choices
        assert (choice.message.content, choice.finish_reason) == ("46", "stop")
        assert choice.message.tool_calls is None
        assert "00012" in choice.message.reasoning  # type: ignore[attr-defined]
        assert choice.message.reasoning == choice.message.reasoning_content  # type: ignore[attr-defined]
        usage = made.usage
        assert usage is not None
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        assert usage.completion_tokens_details is not None
        assert 0 < (usage.completion_tokens_details.reasoning_tokens or 0) < usage.completion_tokens
        assert (made.object, made.model) == ("chat.completion", "nano")
        assert made.system_fingerprint

    def test_the_cached_prompt_is_counted(self, client: TestClient) -> None:
        first, second = (client.post(CHAT, json=sums("77 + 88")).json() for _ in range(2))
        assert first["usage"]["prompt_tokens"] == second["usage"]["prompt_tokens"]
        assert second["usage"]["prompt_tokens_details"]["cached_tokens"] > 0

    def test_several(self, client: TestClient) -> None:
        made = client.post(CHAT, json=sums(n=3, seed=5)).json()
        ChatCompletion.model_validate(made, strict=False)
        assert [choice["index"] for choice in made["choices"]] == [0, 1, 2]
        assert {choice["message"]["content"] for choice in made["choices"]} == {"46"}
        assert [each["seed"] for each in made["gptoss"]] == [5, 6, 7]

    def test_a_seed_makes_the_same_again(
        self, make_client: MakeClient, random_model: LoadedModel
    ) -> None:
        client = make_client(random_model)
        fields = {"temperature": 1.5, "max_tokens": 30}

        def content(seed: int) -> str:
            made = client.post(CHAT, json=sums(**fields, seed=seed)).json()["choices"][0]["message"]
            return f"{made['reasoning']}{made['content']}"

        assert content(3) == content(3)
        assert content(3) != content(4)
        assert content(-3) == content(-3)

    @pytest.mark.parametrize("stop", ["6", ["x", "46"]])
    def test_stop(self, client: TestClient, stop: Any) -> None:
        made = client.post(CHAT, json=sums(stop=stop)).json()["choices"][0]
        assert made["message"]["content"] == ("4" if stop == "6" else "")
        assert made["finish_reason"] == "stop"
        text = "".join(
            each["choices"][0]["delta"].get("content") or "" for each in stream(client, stop=stop)
        )
        assert text == made["message"]["content"]

    @pytest.mark.parametrize(("stop", "text"), [("é", "caf"), ("🎉", "café "), ("fé 🎉", "ca")])
    def test_stop_between_bytes_and_channels(
        self, make_client: MakeClient, scripted_model: ScriptedModel, stop: str, text: str
    ) -> None:
        """Stop strings look at the answer alone, and at whole characters."""
        markup = (
            "<|channel|>analysis<|message|>café 🎉<|end|><|start|>assistant"
            "<|channel|>final<|message|>café 🎉!<|return|>"
        )
        client = make_client(scripted_model(markup))
        body = {"messages": [{"role": "user", "content": "Hi"}], "stop": stop}
        choice = client.post(CHAT, json=body).json()["choices"][0]
        assert choice["message"]["content"] == text
        assert choice["message"]["reasoning"] == "café 🎉"
        assert choice["finish_reason"] == "stop"

    def test_length(self, client: TestClient) -> None:
        made = client.post(CHAT, json=sums(max_completion_tokens=5, max_tokens=500)).json()
        assert made["choices"][0]["finish_reason"] == "length"
        assert made["usage"]["completion_tokens"] == 5

    @pytest.mark.parametrize("num", [0, 3])
    def test_logprobs(self, client: TestClient, num: int) -> None:
        made = client.post(CHAT, json=sums(logprobs=True, top_logprobs=num)).json()
        ChatCompletion.model_validate(made)
        tokens = made["choices"][0]["logprobs"]["content"]
        assert "".join(each["token"] for each in tokens) == "46"
        for each in tokens:
            assert bytes(each["bytes"]).decode() == each["token"]
            assert -9999 <= each["logprob"] <= 0
            assert len(each["top_logprobs"]) == num
        chunks = stream(client, logprobs=True, top_logprobs=num)
        told = [each["choices"][0]["logprobs"] for each in chunks]
        assert [t["token"] for each in told if each for t in each["content"]] == [
            each["token"] for each in tokens
        ]
        json.dumps(made, allow_nan=False)

    @pytest.mark.parametrize(
        "effort", [None, "none", "minimal", "low", "medium", "high", "xhigh", "max"]
    )
    def test_efforts(self, client: TestClient, effort: str | None) -> None:
        body = sums(reasoning_effort=effort)
        reply = client.post(CHAT, json={**body, "max_tokens": 20})
        assert reply.status_code == 200
        message = reply.json()["choices"][0]["message"]
        if effort == "none":
            assert message["reasoning"] is None
        if effort in (None, "medium", "high", "xhigh", "max"):
            assert message["reasoning"]
        prompt = client.post("/render", json=body).json()["prompt"]
        level = {None: "medium", "none": "low", "minimal": "low", "xhigh": "high", "max": "high"}
        assert f"Reasoning: {level.get(effort, effort)}" in prompt

    def test_a_budget_of_reasoning(self, client: TestClient) -> None:
        made = client.post(CHAT, json=sums(reasoning_tokens=5)).json()
        assert made["usage"]["completion_tokens_details"]["reasoning_tokens"] <= 5
        assert made["gptoss"]["reasoning_cut"] is True

    @pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "thinking"])
    def test_reasoning_comes_back(self, client: TestClient, field: str) -> None:
        """Of a turn that called a tool, whose chain of thought is not over."""
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        messages = [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, field: "They ask.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "7 degrees"},
        ]
        body = {"messages": messages, "tools": [WEATHER]}
        prompt = client.post("/render", json=body).json()["prompt"]
        assert "<|channel|>analysis<|message|>They ask.<|end|>" in prompt
        assert client.post(CHAT, json={**body, "max_tokens": 5}).status_code == 200

    def test_unknown_fields_are_ignored(self, client: TestClient) -> None:
        fields = {
            "user": "me",
            "store": True,
            "metadata": {"a": "b"},
            "x_new": [1],
            "verbosity": "low",
        }
        assert client.post(CHAT, json=sums(max_tokens=1, **fields)).status_code == 200

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("audio", {"voice": "x"}),
            ("functions", [{"name": "f"}]),
            ("function_call", "auto"),
            ("web_search_options", {"search_context_size": "low"}),
            ("best_of", 2),
            ("modalities", ["text", "audio"]),
        ],
    )
    def test_what_there_is_not_is_refused_by_name(
        self, client: TestClient, field: str, value: Any
    ) -> None:
        reply = client.post(CHAT, json=sums(**{field: value}))
        assert reply.status_code == 400
        error = reply.json()["error"]
        assert error["param"].partition(".")[0] == field
        assert field in error["message"]

    def test_another_model(self, openai_sdk: openai.OpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as caught:
            openai_sdk.chat.completions.create(model="gpt-4", **sums())
        assert caught.value.code == "model_not_found"

    def test_more_than_the_context(self, client: TestClient) -> None:
        reply = client.post(CHAT, json=sums("12 + 34 " * 3000))
        assert reply.status_code == 400
        assert "4096" in reply.json()["error"]["message"].replace(",", "")

    def test_images_are_refused(self, client: TestClient) -> None:
        part = {"type": "image_url", "image_url": {"url": "http://localhost/x.png"}}
        reply = client.post(CHAT, json={"messages": [{"role": "user", "content": [part]}]})
        assert reply.status_code == 400
        assert "image_url" in reply.json()["error"]["message"]


class TestStreams:
    """Answers piece by piece."""

    def test_chunks(self, openai_sdk: openai.OpenAI) -> None:
        chunks = list(openai_sdk.chat.completions.create(model="nano", stream=True, **sums()))
        assert len({chunk.id for chunk in chunks}) == 1
        assert chunks[0].choices[0].delta.role == "assistant"
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "46"
        reasoning = [getattr(chunk.choices[0].delta, "reasoning", None) or "" for chunk in chunks]
        assert "".join(reasoning).endswith("= 000046")
        reasons = [chunk.choices[0].finish_reason for chunk in chunks]
        assert reasons[-1] == "stop"
        assert not any(reasons[:-1])
        assert all(chunk.usage is None for chunk in chunks)

    def test_usage(self, client: TestClient) -> None:
        whole = client.post(CHAT, json=sums()).json()["usage"]
        chunks = stream(client, stream_options={"include_usage": True})
        *others, last = chunks
        assert all(chunk["usage"] is None for chunk in others)
        assert last["choices"] == []
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            assert last["usage"][name] == whole[name]
        for chunk in chunks:
            ChatCompletionChunk.model_validate(chunk)

    def test_several(self, client: TestClient) -> None:
        chunks = stream(client, n=3)
        texts = {0: "", 1: "", 2: ""}
        for chunk in chunks:
            for choice in chunk["choices"]:
                texts[choice["index"]] += choice["delta"].get("content") or ""
        assert set(texts.values()) == {"46"}

    def test_the_streaming_helper(self, openai_sdk: openai.OpenAI) -> None:
        with openai_sdk.chat.completions.stream(model="nano", **sums()) as events:
            kinds = {event.type for event in events}
            final = events.get_final_completion()
        assert {"chunk", "content.delta", "content.done"} <= kinds
        assert final.choices[0].message.content == "46"

    def test_the_streaming_helper_with_tools(self, openai_sdk: openai.OpenAI) -> None:
        with openai_sdk.chat.completions.stream(
            model="nano", **sums(**FORCED), tool_choice="required"
        ) as events:
            for _ in events:
                pass
            final = events.get_final_completion()
        calls = final.choices[0].message.tool_calls
        assert calls
        assert final.choices[0].finish_reason == "tool_calls"
        for call in calls:
            json.loads(call.function.arguments)

    def test_progress(self, client: TestClient) -> None:
        chunks = stream(client, return_progress=True)
        told = [chunk["prompt_progress"] for chunk in chunks if "prompt_progress" in chunk]
        assert all(0 <= each["processed"] <= each["total"] for each in told)

    def test_signs_of_life(self, make_client: MakeClient, scripted_model: ScriptedModel) -> None:
        client = make_client(
            scripted_model("<|channel|>final<|message|>a b c<|return|>", 0.2), ping_s=0.05
        )
        body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
        text = client.post(CHAT, json=body).text
        assert ": ping\n\n" in text
        assert text.endswith("data: [DONE]\n\n")


class TestTools:
    """Calls, their choice, and what is said beside them."""

    @pytest.mark.parametrize(
        "choice", ["required", {"type": "function", "function": {"name": "weather"}}]
    )
    def test_forced(self, client: TestClient, choice: Any) -> None:
        made = client.post(CHAT, json=sums(**FORCED, tool_choice=choice)).json()
        ChatCompletion.model_validate(made)
        (answer,) = made["choices"]
        assert answer["finish_reason"] == "tool_calls"
        assert answer["message"]["content"] is None
        for call in answer["message"]["tool_calls"]:
            assert call["id"].startswith("call_")
            if call["function"]["name"] == "weather":
                assert json.loads(call["function"]["arguments"])["city"] in ("Oslo", "Rome")
            else:
                assert choice == "required"

    @pytest.mark.parametrize("choice", ["none", "auto", None])
    def test_free(self, client: TestClient, choice: Any) -> None:
        fields = {"tools": [WEATHER], "tool_choice": choice, "max_completion_tokens": 200}
        made = client.post(CHAT, json=sums(**fields)).json()["choices"][0]
        if choice == "none":
            assert "tool_calls" not in made["message"]

    def test_several_at_once(self, client: TestClient) -> None:
        """Nano calls on and on, until its tokens end."""
        fields = {**FORCED, "tool_choice": "required", "parallel_tool_calls": True}
        made = client.post(CHAT, json=sums(**fields)).json()["choices"][0]
        assert len(made["message"]["tool_calls"]) > 1

    @pytest.mark.parametrize(
        "choice",
        ["always", {"type": "function", "function": {"name": "none"}}, {"type": "function"}, 3],
    )
    def test_wrong_choices(self, client: TestClient, choice: Any) -> None:
        assert client.post(CHAT, json=sums(**FORCED, tool_choice=choice)).status_code == 400

    def test_a_choice_without_tools(self, client: TestClient) -> None:
        assert client.post(CHAT, json=sums(tool_choice="required")).status_code == 400

    def test_a_preamble(self, make_client: MakeClient, scripted_model: ScriptedModel) -> None:
        body = {"messages": [{"role": "user", "content": "Weather?"}], "tools": [WEATHER]}
        made = make_client(scripted_model(PREAMBLE_AND_CALL)).post(CHAT, json=body).json()
        message = made["choices"][0]["message"]
        assert (message["content"], message["reasoning"]) == ("I look.", "Hm.")
        (call,) = message["tool_calls"]
        assert call["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
        assert made["choices"][0]["finish_reason"] == "tool_calls"
        chunks = stream(make_client(scripted_model(PREAMBLE_AND_CALL)), **body)
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
        assert "".join(each.get("content") or "" for each in deltas) == "I look."
        parts = [part for each in deltas for part in each.get("tool_calls", ())]
        assert parts[0]["function"] == {"name": "weather", "arguments": ""}
        arguments = "".join(part["function"]["arguments"] for part in parts)
        assert json.loads(arguments) == {"city": "Oslo"}

    def test_a_result_of_no_call(self, client: TestClient) -> None:
        messages = [{"role": "tool", "tool_call_id": "c9", "content": "7"}]
        assert client.post(CHAT, json={"messages": messages}).status_code == 400


class TestFormats:
    """Answers of a shape. Proofs 19 to 24."""

    def test_parse(self, openai_sdk: openai.OpenAI) -> None:
        made = openai_sdk.chat.completions.parse(
            model="nano", response_format=City, reasoning_effort="none", **sums()
        )
        assert isinstance(made.choices[0].message.parsed, City)

    def test_a_schema(self, client: TestClient) -> None:
        form = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}}
        fields = {"response_format": form, "reasoning_effort": "none", "max_tokens": 200}
        made = client.post(CHAT, json=sums(**fields)).json()["choices"][0]
        assert made["finish_reason"] == "stop"
        assert json.loads(made["message"]["content"])["city"] in ("Oslo", "Rome")

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": "string", "pattern": "(["},
            {"type": "string", "pattern": "((a{1,200}){1,200}){1,200}"},
            {"type": "string", "pattern": "|".join("a" * n for n in range(1, 2000))},
            {"enum": [f"value {n}" for n in range(200_000)]},
            {"type": "string", "maxLength": 10**9, "minLength": 10**9},
            {"type": "array", "items": {"type": "null"}, "minItems": 10**7},
            {"$ref": "#"},
            {"$ref": "http://127.0.0.1:9/schema.json"},
            {"$ref": "file:///etc/passwd"},
            {"type": "string", "minLength": 5, "maxLength": 2},
            {"type": "wrong"},
            {"not": {}},
        ],
        ids=lambda schema: repr(schema)[:50],
    )
    def test_bad_schemas_end_quickly(self, client: TestClient, schema: Any) -> None:
        form = {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": schema, "strict": True},
        }
        began = time.process_time()
        reply = client.post(CHAT, json=sums(response_format=form, max_tokens=20))
        assert reply.status_code in (200, 400), reply.text[:300]
        assert time.process_time() - began < 15
        if "://" in str(schema) or "([" in str(schema) or "wrong" in str(schema):
            assert reply.status_code == 400
        assert "root:" not in reply.text

    @pytest.mark.parametrize("form", [{"type": "xml"}, {"type": "json_schema"}, {}, {"type": 1}])
    def test_wrong_formats(self, client: TestClient, form: Any) -> None:
        assert client.post(CHAT, json=sums(response_format=form)).status_code == 400
