"""Bodies of requests, and what is made of them before a model is asked."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from gptoss.server.bodies import MAX_JSON_DEPTH, read_json
from gptoss.server.chat.request import ChatRequest
from gptoss.server.completions import CompletionRequest
from gptoss.server.hosts import host_name, is_same_origin
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.wire_errors import invalid
from tests.growth.case import Case


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


CASES = (
    Case("a key that comes twice", _twice, read_json, 3000),
    Case("nested containers", _nested, read_json, 300),
    Case("quotes that nothing closes", lambda size: b'{"' + b'\\"' * size, read_json, 200_000),
    Case("commas", lambda size: b'{"a":"' + b"," * size + b'"}', read_json, 1_500_000),
    Case("digits", lambda size: b'{"a":' + b"9" * size + b"}", read_json, 400_000),
    Case("a fraction", lambda size: b'{"a":0.' + b"9" * size + b"}", read_json, 400_000),
    Case(
        "surrogates", lambda size: b'{"a":"' + b"\\ud83d\\ude00" * size + b'"}', read_json, 20_000
    ),
    Case("wrong messages", lambda n: {"messages": [1] * n}, _check_wrong(ChatRequest), 100_000),
    Case("wrong items", lambda n: {"input": [1] * n}, _check_wrong(ResponseRequest), 100_000),
    Case("wrong prompts", lambda n: {"prompt": [{}] * n}, _check_wrong(CompletionRequest), 100_000),
    Case(
        "a wrong value",
        lambda n: {"messages": json.loads("[" + ",".join(["[1]"] * n) + "]")},
        _check_wrong(ChatRequest),
        100_000,
    ),
    Case("a host", lambda size: "a." * size, host_name, 100_000),
    Case("an origin", lambda size: "http://" + "[" * size, lambda s: is_same_origin(s, s), 100_000),
)
