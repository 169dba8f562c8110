"""Parts of a tool's result that no model can read: a document says of them what forms take."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from pydantic import TypeAdapter, ValidationError

from gptoss.chat.types.messages import ToolContent
from gptoss.server.messages.params import ResultBlock
from gptoss.server.responses.types.calls import FunctionCallOutput

Json = dict[str, Any]

PICTURE: Json = {"type": "image_url", "image_url": {"url": "data:,"}}
READ: dict[str, tuple[Json, ...]] = {
    "chat completions": ({"text": "a"}, {"type": None, "text": "a"}, {"type": "x", "text": None}),
    "responses": ({"type": "input_text", "text": "a"}, {"type": "refusal", "refusal": "a"}),
    "messages": (
        {"type": "text", "text": "a"},
        {"type": "document", "source": {"type": "base64", "data": "YQ=="}},
        {"type": "document", "source": {"type": "text", "data": "a"}},
    ),
}
NOT_READ: dict[str, tuple[Json, ...]] = {
    "chat completions": ({"type": "refusal"}, {"type": "x", "text": 5}),
    "responses": ({"type": "input_text"}, {"type": "refusal"}, {"type": "summary_text"}),
    "messages": ({"type": "document"}, {"type": "document", "source": {"type": "text"}}),
}
TYPES: dict[str, Any] = {
    "chat completions": ToolContent,
    "responses": FunctionCallOutput,
    "messages": str | list[ResultBlock],
}


def given(dialect: str, part: Json) -> object:
    if dialect != "responses":
        return [part]
    return {"type": "function_call_output", "call_id": "c", "output": [part]}


@pytest.mark.parametrize("dialect", TYPES)
def test_the_document_and_the_forms_agree(dialect: str) -> None:
    """A part without a type was one that the document allowed, and the server refused."""
    adapter: TypeAdapter[Any] = TypeAdapter(TYPES[dialect])
    document = jsonschema_rs.validator_for(adapter.json_schema())
    for part in (PICTURE, *READ[dialect]):
        adapter.validate_python(given(dialect, part))
        assert document.is_valid(given(dialect, part)), part
    for part in ({}, {"type": None}, {"type": "text"}, *NOT_READ[dialect]):
        with pytest.raises(ValidationError):
            adapter.validate_python(given(dialect, part))
        assert not document.is_valid(given(dialect, part)), part
