"""Parses JSON of files that nobody vouches for: strictly, in linear time and in bounded memory."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from gptoss.files.regular import read_file

# No file of a checkpoint comes near. Beyond some hundred levels the interpreter could not even show a value.
MAX_DEPTH = 64
# Strings, numbers, keys and containers. The smallest value takes two bytes of a file and up to seventy of memory.
MAX_VALUES = 1 << 20
_SLICE = 1 << 16
# Of what is quoted in a message.
MAX_SHOWN = 80


def read_object(path: Path, *, most_bytes: int, most_values: int = MAX_VALUES) -> dict[str, object]:
    """The JSON object that a file holds. Raises OSError, or ValueError as `parse_object`."""
    return parse_object(read_file(path, most_bytes), most_values=most_values)


def parse_object(
    data: bytes, *, most_values: int = MAX_VALUES, most_levels: int = MAX_DEPTH
) -> dict[str, Any]:
    """Parse a JSON object: UTF-8, no NaN, no infinity, no key twice, neither too deep nor too many values.

    Raises ValueError with the reason, in a line.
    """
    if num_values(data, most_values) > most_values:
        raise ValueError(f"it has more than {most_values:,} values")
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_object_of_unique_keys,
        )
    except RecursionError:
        raise ValueError(f"it is nested deeper than {most_levels} levels") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if not isinstance(value, dict):
        raise ValueError(f"it holds a JSON {_json_name(value)}, wanted an object")
    _check_depth(value, most_levels)
    return value


def shorten(value: object) -> str:
    """A value of a file as a message may show it: printable, and not long."""
    text = ascii(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def num_values(data: bytes, enough: int) -> int:
    """At least as many values as some JSON has; up to `enough`, those may count that a text only looks like."""
    marks = _num_marks(data)
    if marks <= enough:
        return marks
    # Without what is escaped, each quote begins or ends a string.
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    found, is_inside = 0, 0
    # In slices: one step of the interpreter's over millions of strings would stop all other threads for seconds.
    for start in range(0, len(bare), _SLICE):
        parts = bare[start : start + _SLICE].split(b'"')
        found += _num_marks(b"".join(parts[is_inside::2]))
        is_inside ^= (len(parts) - 1) & 1
    return found


def _num_marks(data: bytes) -> int:
    """Between any two values is one of these, and they stand in strings as well."""
    return sum(map(data.count, (b",", b"[", b"{")))


def _check_depth(value: dict[str, Any], most_levels: int) -> None:
    level: list[dict[str, Any] | list[Any]] = [value]
    for _ in range(most_levels):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise ValueError(f"it is nested deeper than {most_levels} levels")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {shorten(text)} is too large")
    return value


def _whole(text: str) -> int:
    # Turning digits into a number takes quadratic time. 2^64 has twenty.
    if len(text) > 40:
        raise ValueError(f"the number {shorten(text)} is too large")
    return int(text)


def _object_of_unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {shorten(key)} occurs twice")
            seen.add(key)
    return found


def _json_name(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
