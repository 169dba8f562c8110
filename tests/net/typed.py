"""Makes the cases of types: `python -m tests.net.typed`. Each field of each request with values of every type.

Routes that read a whole request and generate nothing stand for those that do, where there is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.net import cases, surface
from tests.net.cases import Scenario, Sent

_ASK = [{"role": "user", "content": "12 + 34"}]
_BODIES: dict[str, dict[str, Any]] = {
    "/render": {"messages": _ASK},
    "/v1/responses/input_tokens": {"input": "12 + 34"},
    "/v1/messages/count_tokens": {"model": "nano", "messages": _ASK},
    "/v1/completions": {"prompt": "12 + 34", "max_tokens": 1},
    "/tokenize": {"content": "12"},
    "/detokenize": {"tokens": [12]},
}
# What the messages' own route asks for besides.
_MORE = {"/v1/messages/count_tokens": ("max_tokens", "temperature", "stop_sequences", "metadata")}
_VALUES: tuple[Any, ...] = (None, True, "x", "1", 1, 1.5, -1, [], [1], [None], {}, {"x": 1})
_HEADERS = [["host", "localhost"], ["content-type", "application/json"]]


def main() -> None:
    """Write the file of cases anew."""
    document = json.loads(surface.openapi())
    model = {"name": "nano", "context": 4096}
    scenarios = [
        Scenario(f"types, {path}", {}, model, list(_sent(document, path))) for path in _BODIES
    ]
    cases.write("types", scenarios)


def _sent(document: dict[str, Any], path: str) -> Iterator[Sent]:
    base = _BODIES[path]
    yield _post(path, base)
    fields = {**_properties(document, path), **dict.fromkeys(_MORE.get(path, ()))}
    for name in sorted(fields):
        for value in _VALUES:
            yield _post(path, {**base, name: value})
    for name in base:
        yield _post(path, {key: value for key, value in base.items() if key != name})


def _post(path: str, body: dict[str, Any]) -> Sent:
    return Sent("POST", path, _HEADERS, json.dumps(body).encode())


def _properties(document: dict[str, Any], path: str) -> dict[str, Any]:
    content = document["paths"][path]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = schema["properties"]
    return found


if __name__ == "__main__":
    main()
