"""GGUF files taken apart, changed, and put together again so that counts and places often are right."""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass, replace
from typing import Any

from gptoss.files.gguf_types import TYPES
from tests.files import gguf_bytes
from tests.fuzz.target import MutateBytes

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_ALIGNMENT = 32
_MOST_VALUES = 1 << 16
_ODD = (0, 1, 2, 31, 32, 64, 255, 2**16, 2**31, 2**32 - 1, 2**32, 2**62, 2**63, 2**64 - 1)


@dataclass(frozen=True)
class _Entry:
    key: bytes
    kind: int
    value: bytes


@dataclass(frozen=True)
class _Tensor:
    name: bytes
    sizes: tuple[int, ...]
    kind: int
    offset: int

    @property
    def num_bytes(self) -> int:
        kind = TYPES.get(self.kind)
        if kind is None or not self.sizes:
            return 0
        return self.sizes[0] // kind.num_values * kind.num_bytes * math.prod(self.sizes[1:])


class Gguf:
    """Entries and tensors doubled, left out or changed; values of the size that they then have."""

    def mutate(self, data: bytes, chance: random.Random, mutate: MutateBytes, most: int) -> bytes:
        if chance.random() < 0.15:
            return mutate(data, most)
        try:
            entries, tensors, values = _taken_apart(data)
        except (struct.error, ValueError, OverflowError, RecursionError):
            return mutate(data, most)
        for _ in range(chance.randint(1, 3)):
            if chance.random() < 0.1 and values:
                values = mutate(values, most)
            elif chance.random() < 0.5 and entries:
                _change(entries, _changed_entry(chance.choice(entries), chance, mutate), chance)
            elif tensors:
                _change(tensors, _changed_tensor(chance.choice(tensors), chance, mutate), chance)
        if chance.random() < 0.7:
            tensors, values = _refitted(tensors, values)
        return _put_together(entries, tensors, values)


def _change(found: list[Any], changed: object, chance: random.Random) -> None:
    at = chance.randrange(len(found))
    match chance.randrange(6):
        case 0:
            del found[at]
        case 1:
            found.insert(at, changed)
        case _:
            found[at] = changed


def _changed_entry(entry: _Entry, chance: random.Random, mutate: MutateBytes) -> _Entry:
    match chance.randrange(4):
        case 0:
            return replace(entry, key=mutate(entry.key, 200))
        case 1:
            return replace(entry, kind=chance.randrange(14))
        case 2 if entry.kind in _SIZES:
            odd = chance.choice(_ODD) % (1 << 8 * _SIZES[entry.kind])
            return replace(entry, value=odd.to_bytes(_SIZES[entry.kind], "little"))
        case _:
            return replace(entry, value=mutate(entry.value, 4096))


def _changed_tensor(tensor: _Tensor, chance: random.Random, mutate: MutateBytes) -> _Tensor:
    match chance.randrange(4):
        case 0:
            return replace(tensor, name=mutate(tensor.name, 200))
        case 1:
            return replace(tensor, kind=chance.choice([*TYPES, 5, 2**32 - 1]))
        case 2:
            return replace(tensor, offset=chance.choice(_ODD))
        case _:
            sizes = list(tensor.sizes) or [1]
            sizes[chance.randrange(len(sizes))] = chance.choice((*_ODD, *tensor.sizes))
            return replace(tensor, sizes=tuple(sizes))


def _taken_apart(data: bytes) -> tuple[list[_Entry], list[_Tensor], bytes]:
    num_tensors, num_entries = struct.unpack_from("<QQ", data, 8)
    at, entries, tensors = 24, [], []
    for _ in range(num_entries):
        key, at = _text(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        end = _end_of(data, at + 4, kind)
        entries.append(_Entry(key, kind, data[at + 4 : end]))
        at = end
    for _ in range(num_tensors):
        name, at = _text(data, at)
        (count,) = struct.unpack_from("<I", data, at)
        *sizes, kind, offset = struct.unpack_from(f"<{count}QIQ", data, at + 4)
        tensors.append(_Tensor(name, tuple(sizes), kind, offset))
        at += 4 + 8 * count + 12
    return entries, tensors, data[-(-at // _ALIGNMENT) * _ALIGNMENT :]


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    end = at + 8 + length
    if end > len(data):
        raise ValueError("it ends inside a text")
    return data[at + 8 : end], end


def _end_of(data: bytes, at: int, kind: int) -> int:
    if kind in _SIZES:
        return at + _SIZES[kind]
    if kind == gguf_bytes.TEXT:
        return _text(data, at)[1]
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in _SIZES:
        return at + count * _SIZES[inner]
    for _ in range(count):
        at = _end_of(data, at, inner)
    return at


def _refitted(tensors: list[_Tensor], values: bytes) -> tuple[list[_Tensor], bytes]:
    end, fitted = 0, []
    for tensor in tensors:
        fitted.append(replace(tensor, offset=end))
        end += -(-tensor.num_bytes // _ALIGNMENT) * _ALIGNMENT
    if end > _MOST_VALUES:
        return tensors, values
    return fitted, values[:end] + bytes(max(0, end - len(values)))


def _put_together(entries: list[_Entry], tensors: list[_Tensor], values: bytes) -> bytes:
    return gguf_bytes.gguf(
        [gguf_bytes.text(e.key) + gguf_bytes.u32(e.kind) + e.value for e in entries],
        [
            gguf_bytes.text(t.name)
            + gguf_bytes.u32(len(t.sizes))
            + b"".join(map(gguf_bytes.u64, t.sizes))
            + gguf_bytes.u32(t.kind)
            + gguf_bytes.u64(t.offset)
            for t in tensors
        ],
        values,
    )
