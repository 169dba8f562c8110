"""Reads the metadata of GGUF files: keys with numbers, texts, or lists of one kind.

Nothing is made by a count or a length before it is held against the bytes that are left. Lists stay in the file until
somebody asks for them: a vocabulary has hundreds of thousands of texts, and most readers want none of them.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from mmap import mmap

import numpy as np

from gptoss.files.json_text import shorten

# Keys are short, and no file of a model has many. A template of a chat has some ten thousand bytes.
MAX_KEY_BYTES = 1 << 16
MAX_TEXT_BYTES = 1 << 24
# Texts of all lists together: a vocabulary of 201,088 tokens has 446,189 merges. Each takes a step of the interpreter.
MAX_TEXTS = 1 << 22

# As files have them: the length of a text or list, and the kinds of values by their numbers.
LENGTH = struct.Struct("<Q")
BOOL, TEXT, LIST = 7, 8, 9
UINT32, INT32, FLOAT32 = 4, 5, 6
NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    UINT32: struct.Struct("<I"),
    INT32: struct.Struct("<i"),
    FLOAT32: struct.Struct("<f"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_TEXT_OVERHEAD = LENGTH.size


@dataclass(frozen=True)
class ListValue:
    """A list that lies in the file from `start` to `end`: `count` values of one kind."""

    kind: int
    count: int
    start: int
    end: int


Value = int | float | bool | str | ListValue


class Cursor:
    """Reads a file's bytes from a place on, never beyond `end`. Every method raises ValueError, saying in what."""

    def __init__(self, data: mmap | bytes, at: int, end: int) -> None:
        self._data = data
        self.at = at
        self.end = end
        self._num_texts = 0

    def skip(self, num_bytes: int, what: str) -> int:
        """Go past so many bytes; where they begin."""
        start = self.at
        if num_bytes > self.end - start:
            raise ValueError(
                f"it ends inside {what}: {num_bytes} bytes wanted, {self.end - start} left"
            )
        self.at = start + num_bytes
        return start

    def require(self, count: int, least_bytes: int, what: str) -> None:
        """Refuse a count of things that take so many bytes each at least, and more than are left in all."""
        if count > (self.end - self.at) // least_bytes:
            raise ValueError(
                f"it claims {count} {what}, more than its {self.end - self.at} bytes can hold"
            )

    def number(self, kind: int, what: str) -> int | float:
        """A number of that kind."""
        form = NUMBERS[kind]
        (value,) = form.unpack_from(self._data, self.skip(form.size, what))
        return _shortest(value) if kind == FLOAT32 else value

    def count(self, what: str) -> int:
        """A whole number of eight bytes, as lengths and counts are."""
        (value,) = LENGTH.unpack_from(self._data, self.skip(LENGTH.size, what))
        return int(value)

    def small_count(self, what: str) -> int:
        """A whole number of four bytes, as the numbers of types are."""
        return int(self.number(UINT32, what))

    def text(self, what: str, most_bytes: int) -> str:
        """A text with its length before it."""
        length = self.count(what)
        if length > most_bytes:
            raise ValueError(f"{what} claims {length} bytes, at most {most_bytes} go")
        start = self.skip(length, what)
        return _decoded(self._data[start : start + length], what)

    def value(self, what: str) -> Value:
        """A value with its kind before it."""
        kind = self.small_count(what)
        if kind in NUMBERS:
            return self.number(kind, what)
        if kind == BOOL:
            return self._bool(what)
        if kind == TEXT:
            return self.text(what, MAX_TEXT_BYTES)
        if kind == LIST:
            return self._list(what)
        raise ValueError(f"{what} is of the unknown kind {kind}")

    def texts(self, found: ListValue, what: str) -> list[str]:
        """The texts of a list that was gone past before."""
        if found.kind != TEXT:
            raise ValueError(f"{what} is no list of texts")
        texts, at = [], found.start
        for _ in range(found.count):
            (length,) = LENGTH.unpack_from(self._data, at)
            at += LENGTH.size + length
            texts.append(_decoded(self._data[at - length : at], what))
        return texts

    def integers(self, found: ListValue, what: str) -> list[int]:
        """The whole numbers of a list that was gone past before."""
        form = NUMBERS.get(found.kind)
        if form is None or form.format in ("<f", "<d"):
            raise ValueError(f"{what} is no list of whole numbers")
        dtype = np.dtype(form.format)
        values = np.frombuffer(self._data, dtype, count=found.count, offset=found.start)
        return [int(value) for value in values]

    def bools(self, found: ListValue, what: str) -> list[bool]:
        """The truth values of a list that was gone past before."""
        if found.kind != BOOL:
            raise ValueError(f"{what} is no list of truth values")
        return [byte == 1 for byte in self._data[found.start : found.end]]

    def _bool(self, what: str) -> bool:
        byte = self._data[self.skip(1, what)]
        if byte > 1:
            raise ValueError(f"{what} is the truth value {byte}, wanted 0 or 1")
        return byte == 1

    def _list(self, what: str) -> ListValue:
        kind, count = self.small_count(what), self.count(what)
        if kind == TEXT:
            return self._go_past_texts(count, what)
        if kind == LIST:
            raise ValueError(f"{what} is a list of lists, which no model needs")
        if kind not in NUMBERS and kind != BOOL:
            raise ValueError(f"{what} is a list of the unknown kind {kind}")
        size = 1 if kind == BOOL else NUMBERS[kind].size
        self.require(count, size, f"values of {what}")
        return ListValue(kind, count, self.skip(count * size, what), self.at)

    def _go_past_texts(self, count: int, what: str) -> ListValue:
        self.require(count, _TEXT_OVERHEAD, f"texts of {what}")
        self._num_texts += count
        if self._num_texts > MAX_TEXTS:
            raise ValueError(f"it has more than {MAX_TEXTS:,} texts in lists")
        start, last = self.at, self.end - _TEXT_OVERHEAD
        at, unpack, data = start, LENGTH.unpack_from, self._data
        for _ in range(count):
            if at > last:
                break
            at += _TEXT_OVERHEAD + unpack(data, at)[0]
        else:
            self.skip(at - start, what)
            return ListValue(TEXT, count, start, at)
        raise ValueError(f"it ends inside {what}")


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{what} is not UTF-8 text: {shorten(repr(data[:40]))}") from None


def _shortest(value: float) -> float:
    """The shortest decimal that rounds to this float32: a writer's 1e-5, not the 9.99999975e-06 that lies nearest."""
    return float(str(np.float32(value))) if math.isfinite(value) else value
