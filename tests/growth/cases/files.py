"""Files that nobody vouches for: of checkpoints, and those that are kept from one run to the next."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gptoss import nano
from gptoss.engine.prefix_cache import PrefixCache
from gptoss.engine.prefix_file import PrefixFile
from gptoss.errors import GptossError
from gptoss.files.json_text import parse_object, shorten
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import Config, LayerType
from gptoss.model.kv_cache import KVCache
from gptoss.model.packed_file import PackedFile
from gptoss.model.packing import Packing, WeightType
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.precision import CacheType
from gptoss.model.safetensors import Header
from gptoss.tokenizer.vocabulary import PATTERNS, Vocabulary, byte_of_character
from tests.growth.case import Case
from tests.model.random_model import SMALL


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed with the process."""
    return tempfile.TemporaryDirectory()


def _path(name: str, content: bytes) -> Path:
    path = Path(tempfile.mkdtemp(dir=_folder().name)) / name
    path.write_bytes(content)
    return path


def _keys(size: int) -> bytes:
    return ",".join(f'"{number:x}":{{"a":[0]}}' for number in range(size)).encode()


def _twice(size: int) -> bytes:
    """An object of so many keys whose last one comes twice."""
    return b"{" + _keys(size) + f',"{size - 1:x}":1}}'.encode()


def _always_twice(size: int) -> bytes:
    return b"{" + b",".join([b'"a":0'] * size) + b"}"


def _tensors(size: int, *, width: int = 1) -> bytes:
    """A header of so many tensors, the last one first."""
    entries = {
        f"tensor.{number:0{width}}": {
            "dtype": "U8",
            "shape": [1, 1],
            "data_offsets": [number, number + 1],
        }
        for number in reversed(range(size))
    }
    return json.dumps(entries).encode()


def _overlapping(size: int) -> bytes:
    """A header of tensors that all lie at the same place, with long names that hardly differ."""
    entry = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    return json.dumps({f"{'x' * 200}{number}": entry for number in range(size)}).encode()


def _metadata(size: int) -> bytes:
    return json.dumps({"__metadata__": {f"{n:x}": "text" for n in range(size)}}).encode()


def _parse(text: bytes) -> Header:
    return Header.parse(text, text.count(b"dtype"))


def _checkpoint(size: int) -> Path:
    """Of so many tensors that no configuration asks for."""
    text = _tensors(size)
    content = len(text).to_bytes(8, "little") + text + bytes(size)
    path = _path("model.safetensors", content)
    path.with_name("config.json").write_text(json.dumps(SMALL.to_dict()))
    return path.parent


def _index(size: int) -> Path:
    """An index of so many tensors, each in another file, of which one is there."""
    names = {f"tensor.{n}": f"{n}.safetensors" for n in range(size)}
    path = _path("model.safetensors.index.json", json.dumps({"weight_map": names}).encode())
    path.with_name("0.safetensors").touch()
    return path.parent


def _config(size: int) -> Path:
    """With so many keys that nobody asks for, stop tokens, and modules that are not quantised."""
    more = {f"key{n}": n for n in range(size)}
    data = SMALL.to_dict() | more | {"eos_token_id": [n % 90 for n in range(size)]}
    return _path("config.json", json.dumps(data).encode())


def _layers(size: int) -> Path:
    data = dataclasses.replace(SMALL, layer_types=(LayerType.FULL, LayerType.SLIDING) * size)
    return _path("config.json", json.dumps(data.to_dict()).encode())


def _tokenizer(size: int, **change: Any) -> Path:
    vocab = byte_of_character()
    letters = list(vocab)
    for number in range(size):
        vocab["".join(letters[int(digit)] for digit in f"{number + 10:o}") + "!"] = 256 + number
    data = {
        "added_tokens": [{"id": 300_000 + n, "content": f"<|{n}|>"} for n in range(size)],
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": PATTERNS[0]}},
        "model": {"type": "BPE", "vocab": vocab, "merges": [["a", "b"]] * size},
    }
    return _path("tokenizer.json", json.dumps(data | change).encode())


def _many_steps(size: int) -> Path:
    steps = [{"type": f"Step{number}"} for number in range(size)]
    return _tokenizer(1, pre_tokenizer={"pretokenizers": steps})


def _kept(size: int, *, is_chain: bool) -> tuple[PrefixFile, KVCache]:
    """A file of so many pages, each going on from the one before or all from the first, and a cache for them."""
    # Pages so small that the tree counts beside them.
    config = dataclasses.replace(SMALL, max_positions=(size + 1) * PAGE_SIZE, num_kv_heads=1)
    caches = [KVCache(config, CacheType.INT8) for _ in range(2)]
    prefixes = PrefixCache(caches[0])
    node = above = prefixes.root
    for number in range(size):
        ids = np.full(PAGE_SIZE, number, np.int32)
        full = caches[0].pool(LayerType.FULL).take()
        node = prefixes.insert(above, ids, full, None, is_anchor=False)
        if is_chain or number == 0:
            above = node
        else:
            prefixes.touch_path(node)
    prefixes.touch_path(node)
    file = PrefixFile(Path(tempfile.mkdtemp(dir=_folder().name)), "x", {})
    file.save(prefixes)
    return file, caches[1]


def _restore(given: tuple[PrefixFile, KVCache]) -> None:
    file, cache_ = given
    assert file.restore(PrefixCache(cache_)) > 0


def _packed(size: int) -> tuple[PackedFile, Packing]:
    """The cache of nano's weights, with so many entries more than it should have."""
    checkpoint = open_checkpoint(nano.checkpoint_path())
    packing = Packing(checkpoint.config, checkpoint.weights, WeightType.INT8, Backend(threads=1))
    file = PackedFile(Path(tempfile.mkdtemp(dir=_folder().name)), checkpoint, WeightType.INT8)
    text = _tensors(size)
    file.path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))
    return file, packing


def _open_packed(given: tuple[PackedFile, Packing]) -> None:
    file, packing = given
    file.open(packing)


CASES = (
    Case("an object with a key twice", _twice, parse_object, 3000, raises=ValueError),
    Case("an object of one key", _always_twice, parse_object, 10_000, raises=ValueError),
    Case("an object of many keys", lambda n: b"{" + _keys(n) + b"}", parse_object, 3000),
    Case("a deep object", lambda n: b'{"a":' * n, parse_object, 20_000, raises=ValueError),
    Case(
        "a string that never ends",
        lambda n: b'{"a":"' + b'\\"' * n,
        parse_object,
        200_000,
        raises=ValueError,
    ),
    Case(
        "a long number",
        lambda n: b'{"a":' + b"9" * n + b"}",
        parse_object,
        1_000_000,
        raises=ValueError,
    ),
    Case("a value to be shown", lambda n: [["\n"] * n], shorten, 50_000),
    Case("a header of many tensors", _tensors, _parse, 500),
    Case("a header of tensors at one place", _overlapping, _parse, 500, raises=ValueError),
    Case("a header with a key twice", _twice, _parse, 3000, raises=ValueError),
    Case("metadata of many texts", _metadata, _parse, 5000),
    Case("a checkpoint of many tensors", _checkpoint, open_checkpoint, 500, raises=GptossError),
    Case("an index of many files", _index, open_checkpoint, 500, raises=GptossError),
    Case("a configuration of many keys", _config, Config.from_file, 3000),
    Case("a configuration of many layers", _layers, Config.from_file, 1000),
    Case("a vocabulary of many tokens", _tokenizer, Vocabulary.from_file, 1000),
    Case("a tokenizer of many steps", _many_steps, Vocabulary.from_file, 3000, raises=GptossError),
    Case("kept prefixes, one after the other", lambda n: _kept(n, is_chain=True), _restore, 500),
    Case("kept prefixes, side by side", lambda n: _kept(n, is_chain=False), _restore, 500),
    Case("packed weights of many tensors", _packed, _open_packed, 500, raises=GptossError),
)
