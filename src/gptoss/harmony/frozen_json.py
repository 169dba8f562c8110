"""JSON values that nobody can change afterwards, checked when they are made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from gptoss.errors import MessageError, shown

JsonObject: TypeAlias = Mapping[str, object]

# Deeper schemas are attacks or mistakes, and would meet Python's own limit of recursion.
MAX_DEPTH = 64


def freeze(value: object, what: str, depth: int = 0) -> object:
    """A copy in which objects are read-only mappings and arrays tuples.

    Raises MessageError, naming `what`, for a value that JSON cannot say or that is nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise MessageError(f"got {what} nested deeper than {MAX_DEPTH} levels, wanted less")
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise MessageError(
                        f"got the key {shown(key)} in {what}, wanted text, as JSON has it"
                    )
            return MappingProxyType(
                {key: freeze(item, what, depth + 1) for key, item in value.items()}
            )
        case list() | tuple():
            return tuple(freeze(item, what, depth + 1) for item in value)
    raise MessageError(f"got {shown(value)} in {what}, wanted a value that JSON can hold")


def freeze_object(value: object, what: str) -> JsonObject:
    """As `freeze`, for a JSON object. Raises MessageError for anything else."""
    frozen = freeze(value, what)
    if not isinstance(frozen, Mapping):
        raise MessageError(f"got {type(value).__name__} as {what}, wanted a JSON object")
    return frozen


def thaw(value: object) -> object:
    """The same in plain dicts and lists, as `json` writes and others expect them."""
    match value:
        case Mapping():
            return {key: thaw(item) for key, item in value.items()}
        case tuple() | list():
            return [thaw(item) for item in value]
    return value


def compact(value: object) -> str:
    """JSON on one line without spaces, numbers written as the official library writes them."""
    match value:
        case Mapping():
            items = ",".join(f"{_text(key)}:{compact(item)}" for key, item in value.items())
            return f"{{{items}}}"
        case tuple() | list():
            return f"[{','.join(compact(item) for item in value)}]"
        case str():
            return _text(value)
        case float():
            return _number(value)
    return json.dumps(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """Shortest form as Rust prints it: `1e16`, and plain digits down to 0.00001."""
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    if int(exponent) == -5:
        sign = "-" if mantissa.startswith("-") else ""
        digits = mantissa.removeprefix("-").replace(".", "")
        return f"{sign}0.0000{digits}"
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
