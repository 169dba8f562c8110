"""Text of calls on its way to a client, and values in messages of errors."""

from __future__ import annotations

import json
from collections.abc import Callable

from gptoss.errors import MessageError, listed, shown
from gptoss.server.client_tools import CLIENT_TOOLS
from gptoss.server.responses.types.events import OutputTextDelta
from gptoss.server.sse import event
from gptoss.server.wrapped_text import WrappedText, unwrapped
from tests.growth.case import Case

_SHELL = CLIENT_TOOLS["local_shell"]


def _pieces(before: str, piece: str) -> Callable[[int], list[str]]:
    return lambda size: [before, *[piece] * size]


def _feed(pieces: list[str]) -> None:
    text = WrappedText()
    for piece in pieces:
        text.feed(piece)


def _nested(size: int) -> list[object]:
    """Wide where it is not deep."""
    value: list[object] = []
    for _ in range(size):
        value = [value, "x" * 100]
    return value


def _delta(size: int) -> OutputTextDelta:
    return OutputTextDelta(
        type="response.output_text.delta",
        content_index=0,
        delta="a\n\u2028" * size,
        logprobs=[],
        item_id="msg_1",
        output_index=0,
        sequence_number=0,
    )


CASES = (
    Case("wrapped text", _pieces('{"input": "', "ab"), _feed, 300),
    Case("wrapped escapes", _pieces('{"input": "', "\\"), _feed, 300),
    Case("wrapped half pairs", _pieces('{"input": "', "\\ud83d"), _feed, 250),
    Case(
        "wrapped text after an escape that is none",
        _pieces('{"input": "\\x', "a" * 400),
        _feed,
        3000,
    ),
    Case("text that is not wrapped", _pieces("no", "a" * 50), _feed, 4000),
    Case("space before wrapped text", _pieces("", " " * 20), _feed, 300),
    Case("a whole wrapped text", lambda n: json.dumps({"input": "ab\n" * n}), unwrapped, 8000),
    Case("arguments of a shell", lambda n: json.dumps({"command": ["a"] * n}), _SHELL.said, 6000),
    Case(
        "wrong arguments of a shell",
        lambda n: json.dumps({"command": [1] * n}),
        _SHELL.said,
        20_000,
    ),
    Case("an event", _delta, event, 20_000),
    Case("a long text in an error", lambda n: "x" * n, shown, 500_000),
    Case("a large object in an error", lambda n: dict.fromkeys(range(n), "x"), shown, 100_000),
    Case("a large number in an error", lambda n: 10**n, shown, 5000),
    Case("many names in an error", lambda n: ["x" * 100] * n, listed, 100_000),
    Case("an error's message", lambda n: "x" * n, MessageError, 500_000),
    Case("a deep list in an error", _nested, shown, 2000),
)
