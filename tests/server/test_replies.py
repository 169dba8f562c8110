"""Objects of replies that are made without being validated, in an order of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gptoss.chat.types.formats import FlatSchemaFormat
from gptoss.server.replies import in_order
from gptoss.server.responses.types.calls import FunctionCall
from gptoss.server.responses.types.items import InputMessage
from gptoss.server.responses.types.response import TextSettings
from gptoss.server.responses.types.texts import InputText


def test_the_order_is_the_one_that_is_given() -> None:
    text = in_order(InputText, text="a", type="input_text")
    made = in_order(
        InputMessage, content=[text], role="user", id="i", type="message", status="completed"
    )
    assert made.written() == (
        b'{"content":[{"text":"a","type":"input_text"}],"role":"user","id":"i",'
        b'"type":"message","status":"completed"}'
    )


def test_it_is_the_same_as_one_that_was_validated() -> None:
    fields: dict[str, Any] = {
        "status": "completed",
        "arguments": "{}",
        "name": "f",
        "type": "function_call",
        "call_id": "c",
        "id": "i",
    }
    made, validated = in_order(FunctionCall, **fields), FunctionCall(**fields)
    assert made == validated
    assert made.namespace is None
    assert json.loads(made.written()) == json.loads(validated.written()) == fields
    made.namespace = "space"
    assert made.written() != validated.written()
    assert json.loads(made.model_copy(update={"id": "j"}).written()) == {
        **fields,
        "namespace": "space",
        "id": "j",
    }


def test_names_that_python_has_no_room_for() -> None:
    form = in_order(FlatSchemaFormat, type="json_schema", name="a", schema_={"type": "object"})
    assert in_order(TextSettings, format=form).written() == (
        b'{"format":{"type":"json_schema","name":"a","schema":{"type":"object"}}}'
    )


@pytest.mark.parametrize("field", ["kind", "self", "zzz"])
def test_fields_that_there_are_none_of_are_left_out(field: str) -> None:
    fields: dict[str, Any] = {field: 1, "type": "input_text", "text": "a"}
    assert in_order(InputText, **fields).written() == b'{"type":"input_text","text":"a"}'
