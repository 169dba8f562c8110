"""Formats of files, each with changes that keep what its reader checks first."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gptoss.model.safetensors import DTYPES, LENGTH_BYTES
from tests.fuzz.target import Form, MutateBytes

_ODD: tuple[Any, ...] = (
    *(0, 1, -1, 2, 32, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63, 2**64, -(2**63)),
    *(0.5, 1e-30, 1e30, 1e308, "", "a", "../x", "\ud800", "\0", True, None, [], {}, [[]]),
)
# A file of a folder: its number, and its length before its bytes.
_HEAD_BYTES = 5
_MOST_SIZES = 8
# What values are made to fit, at most.
_MOST_VALUES = 1 << 16


class Bytes:
    """No format at all."""

    def mutate(self, data: bytes, chance: random.Random, mutate: MutateBytes, most: int) -> bytes:
        return mutate(data, most)


class Json:
    """A JSON document: values changed, moved, doubled or left out."""

    def mutate(self, data: bytes, chance: random.Random, mutate: MutateBytes, most: int) -> bytes:
        if chance.random() < 0.2:
            return mutate(data, most)
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return mutate(data, most)
        root = [value]
        for _ in range(chance.randint(1, 3)):
            _change_json(root, chance)
        return json.dumps(root[0]).encode()


class Safetensors:
    """A length, a header in JSON, and values: the length is always right, and often all places are."""

    def mutate(self, data: bytes, chance: random.Random, mutate: MutateBytes, most: int) -> bytes:
        if chance.random() < 0.1:
            return mutate(data, most)
        length = int.from_bytes(data[:LENGTH_BYTES], "little")
        text, values = data[LENGTH_BYTES:][:length], data[LENGTH_BYTES:][length:]
        if chance.random() < 0.3 and values:
            values = mutate(values, most)
        else:
            text = Json().mutate(text, chance, mutate, most)
            if chance.random() < 0.7:
                text, values = _refitted(text, values)
        return _joined(text, self.finished(text, values, chance))

    def finished(self, text: bytes, values: bytes, chance: random.Random) -> bytes:
        """The values once more, before they are written."""
        return values


class Prefixes(Safetensors):
    """A file of kept prefixes, whose checksum often is right."""

    def finished(self, text: bytes, values: bytes, chance: random.Random) -> bytes:
        if chance.random() < 0.1:
            return values
        try:
            header = json.loads(text)
            spans = {name: header[name]["data_offsets"] for name in header if name[:2] != "__"}
            digest = hashlib.blake2b(digest_size=32)
            for name in ("tree", "owners", "full", "sliding"):
                begin, end = spans[name]
                digest.update(values[begin:end])
            begin, end = spans["checksum"]
            return values[:begin] + digest.digest() + values[end:]
        except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
            return values


@dataclass(frozen=True)
class Folder:
    """Some files, each of a format of its own."""

    forms: Mapping[str, Form]

    def pack(self, files: Mapping[str, bytes]) -> bytes:
        """An input of these files."""
        names = list(self.forms)
        return b"".join(
            bytes([names.index(name)]) + len(content).to_bytes(4, "little") + content
            for name, content in files.items()
        )

    def unpack(self, data: bytes) -> dict[str, bytes]:
        """The files of an input, whatever it is."""
        files, at, names = {}, 0, list(self.forms)
        while at + _HEAD_BYTES <= len(data):
            end = at + _HEAD_BYTES + int.from_bytes(data[at + 1 : at + _HEAD_BYTES], "little")
            files[names[data[at] % len(names)]] = data[at + _HEAD_BYTES : end]
            at = end
        return files

    def mutate(self, data: bytes, chance: random.Random, mutate: MutateBytes, most: int) -> bytes:
        files = self.unpack(data)
        if not files or chance.random() < 0.05:
            return mutate(data, most)
        name = chance.choice(list(files))
        if chance.random() < 0.05:
            files[chance.choice(list(self.forms))] = files.pop(name)
        else:
            files[name] = self.forms[name].mutate(files[name], chance, mutate, most)
        return self.pack(files)


def _joined(text: bytes, values: bytes) -> bytes:
    return len(text).to_bytes(LENGTH_BYTES, "little") + text + values


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with each of its keys."""
    stack = [value]
    while stack:
        container = stack.pop()
        for key in container if isinstance(container, dict) else range(len(container)):
            yield container, key
            if isinstance(container[key], dict | list):
                stack.append(container[key])


def _change_json(root: list[Any], chance: random.Random) -> None:
    places = list(_places(root))
    container, key = chance.choice(places)
    other, other_key = chance.choice(places)
    value = copy.deepcopy(other[other_key])
    match chance.randrange(7):
        case 0:
            container[key] = copy.deepcopy(chance.choice(_ODD))
        case 1:
            container[key] = value
        case 2 if container is not root:
            del container[key]
        case 3 if isinstance(container, dict):
            container[chance.choice((f"{key}x", str(other_key), "", "\n"))] = container.pop(key)
        case 4 if isinstance(container, list) and container is not root:
            container.insert(key, value)
        case 5 if type(container[key]) is int:
            container[key] += chance.choice((-64, -32, -1, 1, 32, 64))
        case _ if type(container[key]) is int:
            container[key] = container[key] * 2
        case _:
            container[key] = copy.deepcopy(chance.choice(_ODD))


def _refitted(text: bytes, values: bytes) -> tuple[bytes, bytes]:
    """The header with places as its shapes ask for, and as many values."""
    try:
        header = json.loads(text)
        end = 0
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, shape = end, entry["shape"]
            if len(shape) > _MOST_SIZES or not all(type(size) is int for size in shape):
                return text, values
            end += math.prod(shape) * DTYPES[entry["dtype"]].itemsize
            entry["data_offsets"] = [begin, end]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text, values
    if not 0 <= end <= _MOST_VALUES:
        return text, values
    return json.dumps(header).encode(), values[:end] + bytes(max(0, end - len(values)))
