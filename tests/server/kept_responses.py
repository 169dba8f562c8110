"""Responses and items to be kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gptoss.server.responses.items import text_part
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.store import KeptItem, ResponseStore
from gptoss.server.responses.types.items import OutputItem, OutputMessage
from gptoss.server.responses.types.response import Response, ResponseStatus


def response(
    name: str,
    output: Sequence[OutputItem] = (),
    at: float = 1000.0,
    status: ResponseStatus = "completed",
) -> Response:
    """One that answers nothing in particular."""
    made = ResponseRequest(input="a").echo("gptoss")
    made.id, made.created_at, made.status, made.output = name, int(at), status, list(output)
    return made


def said(name: str, text: str = "") -> OutputMessage:
    """An item of that id."""
    return OutputMessage(
        id=name,
        type="message",
        role="assistant",
        status="completed",
        phase="final_answer",
        content=[text_part(text, [])],
    )


def kept(name: str, text: str = "") -> KeptItem:
    """The same as the store has it."""
    return KeptItem(name, said(name, text))


def read(store: ResponseStore, name: str, owner: str) -> Any:
    """A response that is kept."""
    return json.loads(store.response(name, owner))
