"""Vocabularies: as a tokenizer.json, and in the metadata of a GGUF file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gptoss.files.gguf import GgufFile
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.vocabulary import PATTERNS, byte_of_character
from tests.files import gguf_bytes
from tests.fuzz.forms import Json
from tests.fuzz.gguf_form import Gguf
from tests.fuzz.target import Target

TEXT = "Ab's 123\n <|start|> \u00e4\U0001f600\0"


def _use(tokenizer: Tokenizer) -> None:
    """Text comes back, and no text becomes a special token."""
    ids = tokenizer.encode(TEXT)
    assert tokenizer.decode(ids) == TEXT
    assert not tokenizer.special_ids & set(ids)
    assert max(ids) < tokenizer.vocab_size
    if tokenizer.vocab_size < 1 << 16:
        assert len(tokenizer.pieces()) == tokenizer.vocab_size


def read_json(data: bytes, folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(data)
    _use(Tokenizer.from_directory(folder))


def read_metadata(data: bytes, folder: Path) -> None:
    path = folder / "model.gguf"
    path.write_bytes(data)
    _use(Tokenizer.from_gguf(GgufFile(path)))


def _jsons() -> Iterator[bytes]:
    steps = [{"type": "Split", "pattern": {"Regex": PATTERNS[1]}}, {"type": "ByteLevel"}]
    data = {
        "added_tokens": [{"id": 300, "content": "<|start|>", "special": True}],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "model": {"type": "BPE", "vocab": byte_of_character() | {"ab": 256, "abc": 257}},
    }
    yield json.dumps(data).encode()
    yield json.dumps(data | {"pre_tokenizer": steps[0]}).encode()


def _metadata() -> Iterator[bytes]:
    tokens = [*byte_of_character(), "ab", "<|start|>", "[PAD]", "<|end|>"]
    kinds = [*[1] * 257, 3, 5, 4]
    listed = b"".join(map(gguf_bytes.u32, kinds))
    yield gguf_bytes.gguf(
        [
            gguf_bytes.entry("general.architecture", gguf_bytes.TEXT, gguf_bytes.text("gpt-oss")),
            gguf_bytes.entry("tokenizer.ggml.model", gguf_bytes.TEXT, gguf_bytes.text("gpt2")),
            gguf_bytes.entry("tokenizer.ggml.pre", gguf_bytes.TEXT, gguf_bytes.text("gpt-4o")),
            gguf_bytes.texts("tokenizer.ggml.tokens", tokens),
            gguf_bytes.entry(
                "tokenizer.ggml.token_type",
                gguf_bytes.LIST,
                gguf_bytes.u32(gguf_bytes.I32) + gguf_bytes.u64(len(kinds)) + listed,
            ),
        ]
    )


TARGETS = (
    Target("tokenizer", Json(), _jsons, read_json),
    Target("vocabulary", Gguf(), _metadata, read_metadata),
)
