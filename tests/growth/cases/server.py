"""Bodies of requests, and what is made of them before a model is asked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import ValidationError

from gptoss.server.bodies import MAX_JSON_DEPTH, read_json
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.completions.request import CompletionRequest
from gptoss.server.hosted.tools import Hosted
from gptoss.server.hosts import host_name, is_same_origin
from gptoss.server.messages.request import MessagesRequest
from gptoss.server.pool import FairPool
from gptoss.server.responses.input import InputReader, blocks_of
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.store import ResponseStore
from gptoss.server.settings import ServerSettings
from gptoss.server.wire_errors import ApiError, invalid
from gptoss.tools import ToolSet
from tests.growth.case import Case
from tests.server.kept_responses import kept, response


def _twice(size: int) -> bytes:
    """An object of so many keys whose last one comes twice."""
    keys = ",".join(f'"{number:x}":0' for number in range(size))
    return f'{{{keys},"{size - 1:x}":1}}'.encode()


def _nested(size: int) -> bytes:
    """Small containers in a container, none too deep."""
    inner = "[" * (MAX_JSON_DEPTH - 2) + "]" * (MAX_JSON_DEPTH - 2)
    return f'{{"a":[{",".join([inner] * size)}]}}'.encode()


def _check_wrong(model: type[Any]) -> Any:
    def check(value: object) -> None:
        try:
            model.model_validate(value)
        except ValidationError as error:
            invalid(error.errors())

    return check


def _items(size: int) -> list[dict[str, Any]]:
    """Messages, none of which leads to a call."""
    return [{"role": "assistant", "content": "a"} for _ in range(size)]


def _calls(size: int) -> list[dict[str, Any]]:
    """Calls, and behind them all their results."""
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "output": "1"}
    ids = [f"c{number}" for number in range(size)]
    return [{**kind, "call_id": call_id} for kind in (call, output) for call_id in ids]


def _read_items(given: list[dict[str, Any]]) -> object:
    body = ResponseRequest.model_validate({"input": given})
    reader = InputReader(lambda _: None, lambda *_: "")
    return blocks_of([each.item for each in reader.read(body.input or ())], ToolSet())


def _wrong_command(size: int) -> dict[str, Any]:
    """A call of a shell that is wrong in many places."""
    action = {"command": [1] * size, "env": dict.fromkeys(map(str, range(size)), 1)}
    return {"input": [{"type": "local_shell_call", "call_id": "c", "action": action}]}


def _count_shares(size: int) -> None:
    """A pool that is asked for more than it has room for, again and again."""
    pool = FairPool("growth", threads=0, most_waiting=8, busy="")

    async def ask() -> None:
        tasks = [asyncio.create_task(pool.run("a", lambda _: None)) for _ in range(size)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(ask())


def _messages(size: int) -> dict[str, Any]:
    """A conversation of Anthropic's, with a part in each message."""
    part = {"type": "text", "text": "a"}
    return {"max_tokens": 1, "messages": [{"role": "user", "content": [part]}] * size}


def _unread(size: int) -> dict[str, Any]:
    """Fields that nobody knows, in the body and in its messages."""
    said = {"role": "user", "content": "a", "x": 1}
    return {"messages": [said] * size, **{f"x{number}": 1 for number in range(size)}}


def _results(size: int) -> dict[str, Any]:
    """Calls of one function and their results, which have no ids."""
    call = {"function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "name": "f", "content": "1"}
    calls = {"role": "assistant", "tool_calls": [call] * size}
    return {"messages": [calls, *[result] * size]}


def _full_store(size: int) -> ResponseStore:
    """With responses of many owners, and no room for any of them."""
    store = ResponseStore(None, 1e12, 1 << 40)
    for number in range(size):
        store.add(response(f"r{number}"), [kept("i")], f"owner{number % 5}")
    store._most_bytes = 0
    return store


_ROOM = ServerSettings(max_messages=10**9)

CASES = (
    Case("items", _items, _read_items, 500),
    Case("calls and results", _calls, _read_items, 300),
    Case(
        "messages",
        lambda n: {"messages": [{"role": "user", "content": "a"}] * n},
        lambda given: ChatRequest.model_validate(given).asked(_ROOM, Hosted()),
        500,
    ),
    Case("fields that nobody knows", _unread, ChatRequest.model_validate, 300),
    Case(
        "results without ids",
        _results,
        lambda given: ChatRequest.model_validate(given).asked(_ROOM, Hosted()),
        300,
    ),
    Case(
        "messages of Anthropic's",
        _messages,
        lambda given: MessagesRequest.model_validate(given).asked(_ROOM),
        500,
    ),
    Case("a store without room", _full_store, lambda store: store.item("i", "nobody"), 40),
    Case("a pool that is full", lambda size: size, _count_shares, 100),
    Case("a key that comes twice", _twice, read_json, 3000, raises=ApiError),
    Case("nested containers", _nested, read_json, 300),
    Case(
        "quotes that nothing closes",
        lambda size: b'{"' + b'\\"' * size,
        read_json,
        200_000,
        raises=ApiError,
    ),
    Case("commas", lambda size: b'{"a":"' + b"," * size + b'"}', read_json, 1_500_000),
    Case("digits", lambda size: b'{"a":' + b"9" * size + b"}", read_json, 400_000, raises=ApiError),
    Case("a fraction", lambda size: b'{"a":0.' + b"9" * size + b"}", read_json, 400_000),
    Case(
        "surrogates", lambda size: b'{"a":"' + b"\\ud83d\\ude00" * size + b'"}', read_json, 20_000
    ),
    Case("wrong messages", lambda n: {"messages": [1] * n}, _check_wrong(ChatRequest), 100_000),
    Case("wrong items", lambda n: {"input": [1] * n}, _check_wrong(ResponseRequest), 100_000),
    Case("wrong items of a shell", _wrong_command, _check_wrong(ResponseRequest), 20_000),
    Case("wrong prompts", lambda n: {"prompt": [{}] * n}, _check_wrong(CompletionRequest), 100_000),
    Case(
        "a wrong value",
        lambda n: {"messages": json.loads("[" + ",".join(["[1]"] * n) + "]")},
        _check_wrong(ChatRequest),
        20_000,
    ),
    Case("a host", lambda size: "a." * size, host_name, 100_000),
    Case("an origin", lambda size: "http://" + "[" * size, lambda s: is_same_origin(s, s), 100_000),
)
