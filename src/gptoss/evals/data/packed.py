"""Tests as LiveCodeBench packs them: JSON, or base 64 of zlib of a pickle that holds one string of JSON.

The pickle is never loaded. Its instructions are read, and none but those that put one string there are taken.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickletools
import zlib
from collections.abc import Mapping
from typing import Any

# The largest published ones have some hundred megabytes.
MOST_BYTES = 1 << 30
_FRAMES = frozenset({"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT"})
_STRINGS = frozenset({"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})


def unpacked(text: str, most_bytes: int = MOST_BYTES) -> list[Mapping[str, Any]]:
    """The tests in a field. Raises ValueError with the reason, in a line."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _json_of(_pickled_text(_inflated(text, most_bytes)))
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("it is no list of objects")
    return found


def _json_of(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("what was packed is no JSON") from None


def _inflated(text: str, most_bytes: int) -> bytes:
    try:
        packed = base64.b64decode(text, validate=True)
        inflate = zlib.decompressobj()
        data = inflate.decompress(packed, most_bytes)
    except (binascii.Error, ValueError, zlib.error):
        raise ValueError("it is neither JSON nor base 64 of zlib") from None
    if inflate.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {most_bytes:,} bytes")
    if not inflate.eof:
        raise ValueError("it ends early")
    return data


def _pickled_text(data: bytes) -> str:
    """The string that a pickle holds and nothing else."""
    found: str | None = None
    is_ended = False
    try:
        for code, argument, _ in pickletools.genops(io.BytesIO(data)):
            if code.name in _STRINGS and found is None:
                found = argument
            elif code.name == "STOP":
                is_ended = True
            elif code.name not in _FRAMES:
                raise ValueError(f"its pickle does {code.name}, where one string was wanted")
    except (ValueError, UnicodeDecodeError, IndexError) as error:
        said = str(error) if str(error).startswith("its pickle does") else "its pickle is damaged"
        raise ValueError(said) from None
    if found is None or not is_ended:
        raise ValueError("its pickle holds no string")
    return found
