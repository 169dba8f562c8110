"""Objects that requests and replies have: how they are read, written and documented."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from gptoss.server.exchanged import Exchanged, IfNull, Maybe, OrElse, Sent
from gptoss.server.replies import ABSENT, Reply


class Word(Reply):
    """A part."""

    word: str


class Thing(Exchanged):
    """With a field of each kind."""

    id: Annotated[str, Field(max_length=3), IfNull("")]
    state: Annotated[Literal["open", "shut"], OrElse("shut")]
    note: Maybe[str] = ABSENT
    words: Annotated[
        list[Word], Sent(str | list[str], lambda sent: [{"word": each} for each in sent])
    ]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"words": "ab"}, b'{"id":"","state":"shut","words":[{"word":"a"},{"word":"b"}]}'),
        (
            {"words": ["ab"], "state": "open", "note": "n", "id": "i"},
            b'{"id":"i","state":"open","note":"n","words":[{"word":"ab"}]}',
        ),
        (
            {"words": [], "state": 3, "note": None, "id": None, "more": 1},
            b'{"id":"","state":"shut","words":[]}',
        ),
    ],
)
def test_a_request_may_say_less(given: dict[str, Any], written: bytes) -> None:
    assert Thing.model_validate(given).written() == written


def test_a_reply_is_made_of_its_parts() -> None:
    part = Word(word="a")
    made = Thing(id="i", state="open", words=[part])
    assert made.words == [part]
    assert made.written() == b'{"id":"i","state":"open","words":[{"word":"a"}]}'


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"words": "a", "id": 3}, ("id",)),
        ({"words": "a", "id": "long"}, ("id",)),
        ({"words": "a", "note": 3}, ("note",)),
        ({}, ("words",)),
        ({"words": None}, ("words", "str")),
        ({"words": [{"word": "a"}]}, ("words", "str")),
    ],
)
def test_what_is_wrong_is_refused(given: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate(given)
    assert caught.value.errors()[0]["loc"] == place


def test_the_first_that_is_wrong_ends_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate({"words": [1] * 1000})
    assert caught.value.error_count() == 2


def test_the_document_of_a_request() -> None:
    schema = Thing.model_json_schema(mode="validation")
    assert schema["required"] == ["words"]
    assert "additionalProperties" not in schema
    told = {
        name: {key: value for key, value in field.items() if key not in ("title", "default")}
        for name, field in schema["properties"].items()
    }
    assert told == {
        "id": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
        "state": {},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "words": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
    }


def test_the_document_of_a_reply() -> None:
    schema = Thing.model_json_schema(mode="serialization")
    assert schema["required"] == ["id", "state", "words"]
    assert schema["additionalProperties"] is False
    told = {
        name: {key: value for key, value in field.items() if key not in ("title", "default")}
        for name, field in schema["properties"].items()
    }
    assert told == {
        "id": {"type": "string", "maxLength": 3},
        "state": {"enum": ["open", "shut"], "type": "string"},
        "note": {"type": "string"},
        "words": {"type": "array", "items": {"$ref": "#/$defs/Word"}},
    }
