"""Response formats as chat APIs write them -> the shape of the answer, and what the model is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gptoss.errors import SchemaError
from gptoss.harmony import ResponseFormat
from gptoss.structured.rules import Answer, AnswerKind

if TYPE_CHECKING:
    from gptoss.chat.types.formats import AnswerFormat


# As a schema is called that has no name.
_UNNAMED = "answer"


def answer_of(
    response_format: Mapping[str, object] | AnswerFormat | None,
) -> tuple[Answer, ResponseFormat | None]:
    """The answer that a response format asks for, and the schema as the model is to be told of it, if there is one.

    None, or one of
        {"type": "text"}
        {"type": "json_object"}, or with the fields "schema" and "strict"
        {"type": "json_schema", "json_schema": {"name", "schema", "strict", "description"}}
        {"type": "regex", "regex": PATTERN}
        {"type": "lark", "lark": GRAMMAR}
        {"type": "choice", "choice": [TEXT, ...]}
    The fields of a schema may also stand beside "type". A schema is strict unless "strict" is false.

    Raises SchemaError for anything else.
    """
    if response_format is None:
        return Answer(), None
    form = _checked(response_format)
    if form.type == "json_schema":
        answer = Answer(AnswerKind.JSON_SCHEMA, form.schema_, is_strict=form.strict is not False)
        return answer, ResponseFormat(form.name, form.schema_, form.description)
    if form.type == "json_object" and form.schema_ is not None:
        answer = Answer(AnswerKind.JSON_OBJECT, form.schema_, is_strict=form.strict is not False)
        return answer, ResponseFormat(_UNNAMED, form.schema_)
    # The other kinds have what they are made of in a field of their own name, or nothing.
    value = getattr(form, form.type, None)
    value = tuple(value) if isinstance(value, list) else value
    return Answer(AnswerKind(form.type), value), None


def _checked(response_format: object) -> AnswerFormat:
    # Loaded when first asked for: most turns have no format.
    from gptoss.chat.types.formats import AnswerFormat
    from gptoss.forms import checked

    made: AnswerFormat = checked(AnswerFormat, response_format, "response_format", SchemaError)
    return made
