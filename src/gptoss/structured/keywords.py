"""The keywords of JSON Schema: which there are, what they may hold, and which of them a grammar can keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from gptoss.errors import SchemaError, shown

# Larger whole numbers are not told apart by those who read JSON into floats, the compiler among them.
_LARGEST = 2**53
MAX_MULTIPLE = 65_535

_Check = Callable[[object], bool]


def _is_schema(value: object) -> bool:
    return isinstance(value, dict | bool)


def _is_schemas(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_schema, value))


def _is_named(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_schema, value.values()))


def _is_count(value: object) -> bool:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return is_whole and not isinstance(value, bool) and value >= 0  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_multiple(value: object) -> bool:
    return _is_number(value) and 0 < value <= MAX_MULTIPLE  # type: ignore[operator]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")


def _is_type(value: object) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


_COUNT: tuple[_Check, str] = (_is_count, "a whole number, 0 or more")
_NUMBER: tuple[_Check, str] = (_is_number, "a number")
_SCHEMAS: tuple[_Check, str] = (_is_schemas, "a list of schemas")
_NAMED: tuple[_Check, str] = (_is_named, "an object of schemas")
_SCHEMA: tuple[_Check, str] = (_is_schema, "a schema")
_ENFORCED: dict[str, tuple[_Check, str]] = {
    "type": (_is_type, f"one or more of {', '.join(_TYPES)}"),
    "enum": (lambda value: isinstance(value, list) and bool(value), "a list of values"),
    "const": (lambda _: True, "any value"),
    "properties": _NAMED,
    "patternProperties": _NAMED,
    "$defs": _NAMED,
    "definitions": _NAMED,
    "required": (_is_texts, "a list of names"),
    "additionalProperties": _SCHEMA,
    "minProperties": _COUNT,
    "maxProperties": _COUNT,
    "items": _SCHEMA,
    "prefixItems": _SCHEMAS,
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "pattern": (_is_text, "a regular expression"),
    "format": (_is_text, "a format's name"),
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "exclusiveMaximum": _NUMBER,
    "multipleOf": (_is_multiple, f"a number above 0, at most {MAX_MULTIPLE:,}"),
    "anyOf": _SCHEMAS,
    "oneOf": _SCHEMAS,
    "allOf": _SCHEMAS,
    "$ref": (_is_text, "a reference"),
}
# Say nothing of a value.
_ANNOTATIONS = (
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
    "$comment",
    "$schema",
    "$id",
)


def keep_keywords(part: dict[str, Any], what: str, *, is_lenient: bool) -> list[str]:
    """Drop from a schema what says nothing of a value; what is left out because it cannot be enforced, in words.

    Raises SchemaError, naming `what`, for a keyword with a value that it cannot have, and, unless lenient, for those
    that cannot be enforced.
    """
    left_out = []
    for name in tuple(part):
        if name in _ANNOTATIONS or name.startswith("x-"):
            del part[name]
        elif name in _ENFORCED:
            is_right, wanted = _ENFORCED[name]
            if not is_right(part[name]):
                raise SchemaError(f"{what}: got {_said(part[name])} as {name}, wanted {wanted}")
        elif is_lenient:
            del part[name]
            left_out.append(f"{name} is not enforced")
        else:
            raise SchemaError(
                f"{what}: got {name[:60]}, which cannot be enforced; leave it out, or ask for it without strict"
            )
    _check_numbers(part, what)
    _narrow_multiples(part, what)
    if "pattern" in part:
        part["pattern"] = ascii_space(part["pattern"])
    return left_out


def _said(value: object) -> str:
    """A wrong value, texts without quotes."""
    return value[:60] if isinstance(value, str) else shown(value, 60)


def _check_numbers(part: dict[str, Any], what: str) -> None:
    waiting: list[object] = [value for value in part.values() if _is_number(value)]
    waiting += [part[name] for name in ("enum", "const") if name in part]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
        elif _is_number(value) and abs(value) > _LARGEST:  # type: ignore[arg-type]
            raise SchemaError(
                f"{what}: got the number {shown(value)}, wanted at most 2^53 either way"
            )


def _narrow_multiples(part: dict[str, Any], what: str) -> None:
    """Multiples of a whole number are whole, which the compiler has to be told."""
    multiple = part.get("multipleOf")
    if multiple is None or not float(multiple).is_integer():
        return
    kinds = part.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if not {"number", "integer"} & set(kinds):
        raise SchemaError(f"{what}: got multipleOf without the type integer or number")
    kinds = ["integer" if kind == "number" else kind for kind in kinds]
    part["type"] = kinds[0] if len(kinds) == 1 else list(dict.fromkeys(kinds))


def ascii_space(pattern: str) -> str:
    """A pattern in which `\\s` is ASCII's space: Rust and ECMAScript differ in what else they take for it."""
    out, is_class, at = [], False, 0
    while at < len(pattern):
        two = pattern[at : at + 2]
        if two == "\\s":
            out.append(r" \t\n\r\f\v" if is_class else r"[ \t\n\r\f\v]")
        elif two[0] == "\\":
            out.append(two)
        else:
            is_class = (is_class or two[0] == "[") and two[0] != "]"
            out.append(two[0])
            at -= 1
        at += 2
    return "".join(out)


def combined_multiples(parts: Iterable[dict[str, Any]]) -> bool:
    """Whether a number may have to be a multiple of several, whose product the compiler may not be able to hold."""
    parts = list(parts)
    combines = any("allOf" in part or ("$ref" in part and len(part) > 1) for part in parts)
    product = 1
    for part in parts if combines else ():
        product *= max(1, part.get("multipleOf", 1))
        # At once: the product of all may have a hundred thousand digits.
        if product > 2**31:
            return True
    return False


# Into the schema itself.
REFERENCE = re.compile(r"#(/|$)")
