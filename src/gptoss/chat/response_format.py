"""Response formats as chat APIs write them -> the shape of the answer, and what the model is told."""

from __future__ import annotations

from collections.abc import Mapping

from gptoss.errors import SchemaError, shown
from gptoss.harmony import ResponseFormat
from gptoss.structured.rules import Answer, AnswerKind

_KINDS = ", ".join(AnswerKind)


def answer_of(response_format: Mapping[str, object] | None) -> tuple[Answer, ResponseFormat | None]:
    """The answer that a response format asks for, and the schema as the model is to be told of it, if there is one.

    None, or one of
        {"type": "text"}
        {"type": "json_object"}
        {"type": "json_schema", "json_schema": {"name", "schema", "strict", "description"}}
        {"type": "regex", "regex": PATTERN}
        {"type": "lark", "lark": GRAMMAR}
        {"type": "choice", "choice": [TEXT, ...]}
    The fields of a schema may also stand beside "type". A schema is strict unless "strict" is false.

    Raises SchemaError for anything else, MessageError for a name that is not one word.
    """
    if response_format is None:
        return Answer(), None
    if not isinstance(response_format, Mapping):
        raise SchemaError(
            f"got {type(response_format).__name__} as response_format, wanted an object with the type {_KINDS}"
        )
    named = response_format.get("type")
    if named not in tuple(AnswerKind):
        raise SchemaError(f"got the response format {shown(named)}, wanted one of {_KINDS}")
    kind = AnswerKind(str(named))
    match kind:
        case AnswerKind.TEXT | AnswerKind.JSON_OBJECT:
            return Answer(kind), None
        case AnswerKind.JSON_SCHEMA:
            return _schema(response_format)
        case AnswerKind.REGEX | AnswerKind.LARK:
            value = response_format.get(kind)
            if not isinstance(value, str):
                raise _wrong(kind, "text", value)
            return Answer(kind, value), None
        case AnswerKind.CHOICE:
            values = response_format.get(kind)
            if not isinstance(values, list | tuple):
                raise _wrong(kind, "a list of texts", values)
            return Answer(kind, tuple(values)), None


def _schema(response_format: Mapping[str, object]) -> tuple[Answer, ResponseFormat]:
    fields = response_format.get("json_schema", response_format)
    if not isinstance(fields, Mapping):
        raise _wrong("json_schema", "an object with a schema", fields)
    schema, name = fields.get("schema"), fields.get("name", "answer")
    strict, description = fields.get("strict"), fields.get("description")
    if not isinstance(schema, Mapping):
        raise _wrong("schema", "a JSON Schema: an object", schema)
    if not isinstance(name, str):
        raise _wrong("name", "text", name)
    if not isinstance(strict, bool | None):
        raise _wrong("strict", "true or false", strict)
    if not isinstance(description, str | None):
        raise _wrong("description", "text", description)
    answer = Answer(AnswerKind.JSON_SCHEMA, schema, is_strict=strict is not False)
    return answer, ResponseFormat(name, schema, description)


def _wrong(field: str, wanted: str, value: object) -> SchemaError:
    found = "nothing" if value is None else type(value).__name__
    return SchemaError(f"got {found} as {field} of the response format, wanted {wanted}")
