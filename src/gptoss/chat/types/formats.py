"""The form of an answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from typing_extensions import TypeAliasType

from gptoss.chat.types.words import Filled, Word
from gptoss.forms import Form, Kinds, Typed
from gptoss.structured.rules import MAX_CHOICES


def _is_none(value: object) -> bool:
    return value is None


class TextFormat(Form):
    """Any text."""

    type: Literal["text"]


class JsonObjectFormat(Form):
    """Any JSON object, or one of a schema, as llama.cpp and others have it."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: Literal["json_object"]
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema", exclude_if=_is_none)] = None
    """JSON Schema of the object, which is enforced while tokens are sampled."""
    strict: Annotated[bool | None, Field(exclude_if=_is_none)] = None
    """Of a schema; false: what cannot be enforced is left out and reported, rather than refused."""


class RegexFormat(Form):
    """Text that a regular expression matches, whole."""

    type: Literal["regex"]
    regex: str
    """As Rust's crate `regex` has them."""


class LarkFormat(Form):
    """Text of a grammar."""

    type: Literal["lark"]
    lark: str
    """A Lark grammar, as llguidance has them."""


class ChoiceFormat(Form):
    """One of several texts."""

    type: Literal["choice"]
    choice: Annotated[list[Filled], Field(min_length=1, max_length=MAX_CHOICES)]


class NamedSchema(Form):
    """A JSON Schema with its name."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: Word = "answer"
    """What the model is told that it is called."""
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    """JSON Schema, which is enforced while tokens are sampled."""
    strict: bool | None = None
    """false: what cannot be enforced is left out and reported in `gptoss.not_enforced`, rather than refused."""
    description: str | None = None
    """For the model."""


class NestedSchemaFormat(Form):
    """JSON of a schema, as Chat Completions has it."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


class FlatSchemaFormat(NamedSchema, Typed):
    """JSON of a schema, as the Responses API has it."""

    type: Literal["json_schema"]


PlainFormat = TextFormat | JsonObjectFormat | RegexFormat | LarkFormat | ChoiceFormat
FlatAnswerFormat = TypeAliasType("FlatAnswerFormat", FlatSchemaFormat | PlainFormat)
AnswerFormat = TypeAliasType(
    "AnswerFormat",
    Annotated[FlatSchemaFormat | PlainFormat, Kinds("type", nested=(NestedSchemaFormat,))],
)
