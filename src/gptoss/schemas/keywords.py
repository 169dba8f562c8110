"""The keywords of JSON Schema: what each may hold, and which say nothing of a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

MAX_MULTIPLE = 65_535

_Check = Callable[[object], bool]


def is_number(value: object) -> bool:
    """Whether it is a number of JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_list(value: object) -> bool:
    """Whether it is an array of JSON, frozen or not."""
    return isinstance(value, list | tuple)


def _is_count(value: object) -> bool:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return is_whole and not isinstance(value, bool) and value >= 0  # type: ignore[operator]


def _is_multiple(value: object) -> bool:
    return is_number(value) and 0 < value <= MAX_MULTIPLE  # type: ignore[operator]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_filled(value: object) -> bool:
    return is_list(value) and bool(value)


def _is_named(value: object) -> bool:
    return isinstance(value, Mapping)


TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")


def _is_type(value: object) -> bool:
    names = value if isinstance(value, list | tuple) else [value]
    return bool(names) and all(isinstance(name, str) and name in TYPES for name in names)


_COUNT: tuple[_Check, str] = (_is_count, "a whole number, 0 or more")
_NUMBER: tuple[_Check, str] = (is_number, "a number")
_SCHEMAS: tuple[_Check, str] = (_is_filled, "a list of schemas")
_NAMED: tuple[_Check, str] = (_is_named, "an object of schemas")
_SCHEMA: tuple[_Check, str] = (lambda value: isinstance(value, Mapping | bool), "a schema")
# Those that say something of a value and can be held to, and what each may hold; schemas in it are looked at apart.
HELD: dict[str, tuple[_Check, str]] = {
    "type": (_is_type, f"one or more of {', '.join(TYPES)}"),
    "enum": (_is_filled, "a list of values"),
    "const": (lambda _: True, "any value"),
    "properties": _NAMED,
    "patternProperties": _NAMED,
    "required": (is_list, "a list of names"),
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
    "nullable": (lambda value: isinstance(value, bool), "true or false"),
}
# Without the first, the second would forbid what the first allowed.
WIDENED_WITH = {
    "properties": "additionalProperties",
    "patternProperties": "additionalProperties",
    "prefixItems": "items",
}
# What the model is told, and says nothing of a value.
TOLD = ("title", "description", "default", "examples")
# Say nothing of a value either: JSON Schema's own, then OpenAPI's, then those of forms, editors and other APIs.
ANNOTATIONS = frozenset(
    {
        *TOLD,
        *("deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType"),
        *("contentSchema", "$comment", "$schema", "$id", "id", "$anchor", "$vocabulary"),
        *("$defs", "definitions", "$dynamicAnchor", "$recursiveAnchor"),
        *("discriminator", "xml", "externalDocs", "example"),
        *("enumNames", "enumDescriptions", "markdownDescription", "markdownEnumDescriptions"),
        *("deprecationMessage", "defaultSnippets", "errorMessage", "propertyOrdering"),
    }
)


def says_nothing(name: str, part: Mapping[str, object]) -> bool:
    """Whether a keyword of a schema holds no value back, as it is used there."""
    if name in ANNOTATIONS or name.startswith("x-"):
        return True
    value = part[name]
    match name:
        case "uniqueItems" | "not":
            return value is False
        case "unevaluatedProperties" | "unevaluatedItems":
            return value is True or value == {}
        case "propertyNames":
            return value is True or value in ({}, {"type": "string"})
        case "dependentRequired" | "dependentSchemas" | "dependencies":
            return value == {}
        case "if":
            return "then" not in part and "else" not in part
        case "then" | "else":
            return "if" not in part
        case "minContains" | "maxContains":
            return "contains" not in part
        case "additionalItems":
            # Of a list of items, which is read before.
            return True
    return False
