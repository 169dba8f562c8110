"""One turn, one reading: whole replies and streams of all APIs, and Python's own, say the same of any turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from gptoss.chat import Chat, Reply, TurnEvent, TurnFinished
from gptoss.harmony import (
    ContentDelta,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from gptoss.server.app import create_app
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from tests.levels import examples
from tests.net.cases import Sent
from tests.net.replay import _alive, _answer
from tests.server.played_turns import TOOLS, Part, Play, PlayedModel, Reading, plays

ASK = "12 + 34"
_HEADERS = [["host", "localhost"], ["content-type", "application/json"]]
_SAID = {"preamble": "said", "content": "said"}
_KINDS = {ReasoningDelta: "reasoning", PreambleDelta: "preamble", ContentDelta: "content"}


class Played:
    """A server whose model writes what it is told to, and the Python API over the same model."""

    def __init__(self, runner: asyncio.Runner, app: Any, model: PlayedModel) -> None:
        self.model = model
        self._runner, self._app = runner, app

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A whole reply."""
        return dict(json.loads(self._sent(path, body)))

    def events(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The data of a stream's events."""
        text = self._sent(path, {**body, "stream": True}).decode()
        lines = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]

    def _sent(self, path: str, body: dict[str, Any]) -> bytes:
        got = self._runner.run(
            _answer(self._app, Sent("POST", path, _HEADERS, json.dumps(body).encode()))
        )
        assert got.status == 200, got.body
        return got.body


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    model = PlayedModel()
    service = Service(ServerSettings(store_bytes=0), lambda: model)
    app = create_app(service)
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        # As fast as it comes, and some of it together.
        patch.setattr("gptoss.server.service.PACE_S", 1e-4)
        alive = _alive(app)
        runner.run(alive.__aenter__())
        runner.run(_ready(service))
        yield Played(runner, app, model)
        runner.run(alive.__aexit__(None, None, None))


async def _ready(service: Service) -> None:
    while not service.is_ready:
        await asyncio.sleep(0.01)


def chat_body(play: Play) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": ASK}],
        "tools": TOOLS,
        "max_tokens": play.max_tokens,
        "stop": play.stop,
        "logprobs": True,
    }


def messages_body(play: Play) -> dict[str, Any]:
    tools = [
        {"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]}
        for tool in TOOLS
    ]
    return {
        "messages": [{"role": "user", "content": ASK}],
        "tools": tools,
        "max_tokens": play.max_tokens,
        "stop_sequences": None if play.stop is None else [play.stop],
    }


def responses_body(play: Play) -> dict[str, Any]:
    return {
        "input": ASK,
        "tools": [{"type": "function", **tool["function"]} for tool in TOOLS],
        "max_output_tokens": play.max_tokens,
        "include": ["message.output_text.logprobs"],
        "store": False,
    }


def of_chat(expected: Reading) -> dict[str, Any]:
    """What Chat Completions is to tell of a turn: texts of one kind are one text."""
    calls = [(name, text) for name, text in expected.parts if _is_call(name)]
    return {
        "reasoning": "\n".join(text for kind, text in expected.parts if kind == "reasoning"),
        "content": "".join(text for kind, text in expected.parts if kind in _SAID),
        "calls": calls,
        "ending": "stop" if expected.ending == "stopped" else expected.ending,
        "tokens": (expected.num_tokens, expected.num_reasoning),
    }


def _is_call(kind: str) -> bool:
    return kind not in (*_SAID, "reasoning")


def whole_chat(reply: dict[str, Any]) -> dict[str, Any]:
    (choice,) = reply["choices"]
    message = choice["message"]
    assert (message["content"] is None) <= ("tool_calls" in message)
    return _chat(
        message["reasoning"] or "",
        message["content"] or "",
        [call["function"] for call in message.get("tool_calls", ())],
        choice,
        reply["usage"],
        choice["logprobs"]["content"],
    )


def streamed_chat(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    *chunks, last = chunks
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls: list[dict[str, str]] = []
    for each in (call for delta in deltas for call in delta.get("tool_calls", ())):
        function = each["function"]
        if "name" in function:
            assert each["index"] == len(calls)
            calls.append({"name": function["name"], "arguments": ""})
        calls[each["index"]]["arguments"] += function["arguments"]
    tokens = [
        token
        for chunk in chunks
        if chunk["choices"][0]["logprobs"]
        for token in chunk["choices"][0]["logprobs"]["content"]
    ]
    return _chat(
        "".join(delta.get("reasoning", "") for delta in deltas),
        "".join(delta.get("content", "") for delta in deltas),
        calls,
        chunks[-1]["choices"][0],
        last["usage"],
        tokens,
    )


def _chat(
    reasoning: str,
    content: str,
    calls: list[dict[str, str]],
    choice: dict[str, Any],
    usage: dict[str, Any],
    tokens: list[dict[str, Any]],
) -> dict[str, Any]:
    details = usage["completion_tokens_details"]
    return {
        "reasoning": reasoning,
        "content": content,
        "calls": [(call["name"], call["arguments"]) for call in calls],
        "ending": choice["finish_reason"],
        "tokens": (usage["completion_tokens"], details["reasoning_tokens"]),
        "logprobs": [(token["bytes"], token["logprob"]) for token in tokens],
    }


def of_messages(expected: Reading) -> dict[str, Any]:
    """What the Messages API is to tell: blocks, the input of calls as an object."""
    endings = {"stopped": "stop_sequence", "stop": "end_turn", "tool_calls": "tool_use"}
    return {
        "blocks": [
            (kind, _input(text)) if _is_call(kind) else (_SAID.get(kind, kind), text)
            for kind, text in expected.parts
        ],
        "ending": endings.get(expected.ending, "max_tokens"),
        "tokens": (expected.num_tokens, expected.num_reasoning),
    }


def _input(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}", parse_constant=lambda _: 1 / 0, parse_float=_finite)
    except (ValueError, ZeroDivisionError):
        return {}
    return found if isinstance(found, dict) else {}


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def whole_message(reply: dict[str, Any]) -> dict[str, Any]:
    return _message(reply["content"], reply, reply["usage"])


def streamed_message(events: list[dict[str, Any]]) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    for each in events:
        match each:
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(blocks)
                blocks.append({**block, "json": ""})
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                assert index == len(blocks) - 1
                kind = delta["type"].removesuffix("_delta")
                if kind == "input_json":
                    blocks[-1]["json"] += delta["partial_json"]
                else:
                    blocks[-1][kind] += delta[kind]
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = _input(block["json"])
    (end,) = (each for each in events if each["type"] == "message_delta")
    return _message(blocks, end["delta"], end["usage"])


def _message(
    blocks: list[dict[str, Any]], end: dict[str, Any], usage: dict[str, Any]
) -> dict[str, Any]:
    def told(block: dict[str, Any]) -> tuple[str, Any]:
        match block["type"]:
            case "thinking":
                assert block["signature"]
                return "reasoning", block["thinking"]
            case "text":
                return "said", block["text"]
        return block["name"], block["input"]

    tokens = usage["output_tokens"], usage["output_tokens_details"]["thinking_tokens"]
    return {"blocks": list(map(told, blocks)), "ending": end["stop_reason"], "tokens": tokens}


def of_responses(expected: Reading) -> dict[str, Any]:
    """What the Responses API is to tell: items; an answer that says nothing is one, too."""
    is_whole = expected.ending != "length"
    parts = list(expected.parts)
    if is_whole and all(kind == "reasoning" for kind, _ in parts):
        parts.append(("content", ""))
    return {
        "items": parts,
        "ending": "completed" if is_whole else "incomplete",
        "tokens": (expected.num_tokens, expected.num_reasoning),
    }


def response(reply: dict[str, Any]) -> dict[str, Any]:
    def told(item: dict[str, Any]) -> Part:
        match item["type"]:
            case "reasoning":
                return "reasoning", "".join(part["text"] for part in item["content"])
            case "message":
                phase = "preamble" if item["phase"] == "commentary" else "content"
                return phase, "".join(part["text"] for part in item["content"])
        return item["name"], item["arguments"]

    tokens = [
        token
        for item in reply["output"]
        if item["type"] == "message"
        for part in item["content"]
        for token in part["logprobs"]
    ]
    usage = reply["usage"]
    return {
        "items": list(map(told, reply["output"])),
        "ending": reply["status"],
        "tokens": (usage["output_tokens"], usage["output_tokens_details"]["reasoning_tokens"]),
        "logprobs": [(token["bytes"], token["logprob"]) for token in tokens],
    }


def streamed_response(events: list[dict[str, Any]]) -> dict[str, Any]:
    """By the deltas; what the last event has as a whole must be the same."""
    items: list[dict[str, Any]] = []
    for each in events:
        match each:
            case {"type": "response.output_item.added", "item": item}:
                items.append({**item, "text": "", "tokens": []})
            case {"type": "response.output_item.done", "item": item}:
                items[-1]["done"] = item
            case {"delta": text}:
                items[-1]["text"] += text
    last = events[-1]["response"]
    assert [item["done"] for item in items] == last["output"]
    for item in items:
        done = item["done"]
        whole = (
            done["arguments"]
            if "arguments" in done
            else "".join(part["text"] for part in done["content"])
        )
        assert item["text"] == whole
    return response(last)


def of_python(expected: Reading) -> dict[str, Any]:
    """What the Python API is to tell."""
    ending = "stop" if expected.ending == "stopped" else expected.ending
    return {
        "parts": list(expected.parts),
        "ending": ending,
        "tokens": (expected.num_tokens, expected.num_reasoning),
    }


def python(parts: list[Part], reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "parts": parts,
        "ending": str(reply.finish_reason),
        "tokens": (usage.completion_tokens, usage.reasoning_tokens),
    }


def sent_parts(reply: Reply) -> list[Part]:
    """By its messages; the texts must be theirs."""
    found: list[Part] = []
    for message in reply.messages:
        if message.role != "assistant":
            continue
        if message.is_tool_call:
            found.append(((message.recipient or "").removeprefix("functions."), message.text))
        elif message.text:
            kind = "content" if message.is_final else "preamble"
            found.append(("reasoning" if message.is_reasoning else kind, message.text))
    assert reply.reasoning == "\n".join(text for kind, text in found if kind == "reasoning")
    assert reply.content == "".join(text for kind, text in found if kind == "content")
    calls = [(call.name, call.arguments) for call in reply.tool_calls]
    assert calls == [part for part in found if _is_call(part[0])]
    return found


def streamed_parts(events: list[TurnEvent]) -> list[Part]:
    found: list[list[str]] = []
    is_open = False
    for event in events:
        match event:
            case ReasoningDelta(text) | PreambleDelta(text) | ContentDelta(text):
                if not is_open:
                    found.append([_KINDS[type(event)], ""])
                    is_open = True
                found[-1][1] += text
            case ToolCallStarted(_, recipient):
                found.append([recipient.removeprefix("functions."), ""])
            case ToolCallDelta(_, text):
                found[-1][1] += text
            case MessageFinished():
                is_open = False
    return [(kind, text) for kind, text in found]


def check_chat(played: Played, play: Play, expected: Reading) -> None:
    """Both ways of Chat Completions."""
    body = chat_body(play)
    whole = whole_chat(played.post("/v1/chat/completions", body))
    options = {"include_usage": True}
    streamed = streamed_chat(
        played.events("/v1/chat/completions", {**body, "stream_options": options})
    )
    assert whole == streamed
    logprobs = whole.pop("logprobs")
    assert whole == of_chat(expected)
    if expected.is_clean:
        # They add up to the text, and the stop string if there is one.
        spelled = b"".join(bytes(piece) for piece, _ in logprobs).decode("utf-8", "replace")
        assert spelled.startswith(whole["content"])
        assert play.stop or spelled == whole["content"]


def check_messages(played: Played, play: Play, expected: Reading) -> None:
    """Both ways of the Messages API."""
    body = messages_body(play)
    whole = whole_message(played.post("/v1/messages", body))
    assert whole == streamed_message(played.events("/v1/messages", body))
    assert whole == of_messages(expected)


def check_responses(played: Played, play: Play, expected: Reading) -> None:
    """Both ways of the Responses API, which has no stop strings."""
    body = responses_body(play)
    whole = response(played.post("/v1/responses", body))
    assert whole == streamed_response(played.events("/v1/responses", body))
    del whole["logprobs"]
    assert whole == of_responses(expected)


def check_python(played: Played, play: Play, expected: Reading) -> None:
    """All ways of the Python API."""

    def chat() -> Chat:
        limits: Any = {"max_tokens": play.max_tokens, "stop": play.stop or ()}
        return Chat(played.model, tools=TOOLS, **limits)

    async def streamed() -> list[TurnEvent]:
        async with contextlib.aclosing(chat().stream_async(ASK)) as events:
            return [event async for event in events]

    sent = chat().send(ASK)
    assert python(sent_parts(sent), sent) == of_python(expected)
    for events in (list(chat().stream(ASK)), asyncio.run(streamed())):
        last = events[-1]
        assert isinstance(last, TurnFinished)
        assert python(streamed_parts(events), last.reply) == of_python(expected)


@settings(max_examples=examples(160), suppress_health_check=list(HealthCheck))
@given(play=plays())
@example(
    play=Play(
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant"
        "<|channel|>analysis<|message|>b<|end|><|start|>assistant"
        "<|channel|>final<|message|>c<|return|>",
        300,
        None,
    )
)
@example(
    play=Play(
        "<|channel|>final<|message|>stop<|end|>"
        "<|start|>assistant<|channel|>final<|message|>so stop<|return|>",
        300,
        "op",
    )
)
@example(
    # A text without a header is known to be the answer when the next message has begun.
    play=Play(f"\n{'assistant' * 5}<|channel|>analysis<|message|><|end|>", 300, "\n")
)
def test_any_turn_is_read_in_one_way(played: Played, play: Play) -> None:
    _check(played, play)


@pytest.mark.slow
@settings(max_examples=2000, suppress_health_check=list(HealthCheck))
@given(play=plays())
def test_two_thousand_turns_are(played: Played, play: Play) -> None:
    _check(played, play)


def _check(played: Played, play: Play) -> None:
    played.model.plays = play.ids(played.model)
    expected = play.expected(played.model)
    check_python(played, play, expected)
    check_chat(played, play, expected)
    check_messages(played, play, expected)
    if play.stop is None:
        check_responses(played, play, expected)
