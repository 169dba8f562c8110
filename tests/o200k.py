"""The real o200k vocabulary, from the test extra quicktok-v1: no download, checked against the published hash."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from functools import cache
from importlib.resources import files
from pathlib import Path

from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.vocabulary import Vocabulary, byte_of_character

# Of o200k_base.tiktoken, as tiktoken pins it.
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
# From tiktoken_ext/openai_public.py.
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERN = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
_NAMED = {
    "startoftext": 199998,
    "endoftext": 199999,
    "return": 200002,
    "constrain": 200003,
    "channel": 200005,
    "start": 200006,
    "end": 200007,
    "message": 200008,
    "call": 200012,
    "endofprompt": 200018,
}
VOCAB_SIZE = 201088


@cache
def ranks() -> dict[bytes, int]:
    """Token bytes to rank, all 199,998."""
    data = (files("quicktok") / "data" / "o200k.vocab").read_bytes()
    (count,) = struct.unpack_from("<I", data)
    found, at = {}, 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        piece = data[at + 2 : at + 2 + length]
        (found[piece],) = struct.unpack_from("<I", data, at + 2 + length)
        at += 6 + length
    return found


def specials() -> dict[str, int]:
    """The special tokens of o200k_harmony, reserved ones included."""
    taken = set(_NAMED.values())
    found = {f"<|{name}|>": token_id for name, token_id in _NAMED.items()}
    found.update({f"<|reserved_{i}|>": i for i in range(199998, VOCAB_SIZE) if i not in taken})
    return found


def write_tiktoken(directory: Path) -> Path:
    """Write o200k_base.tiktoken, whose bytes are the published ones, and return its directory."""
    lines = [
        base64.b64encode(piece) + b" " + str(rank).encode() + b"\n"
        for piece, rank in sorted(ranks().items(), key=lambda item: item[1])
    ]
    content = b"".join(lines)
    assert hashlib.sha256(content).hexdigest() == SHA256
    (directory / "o200k_base.tiktoken").write_bytes(content)
    return directory


@cache
def tokenizer() -> Tokenizer:
    """The released model's tokenizer."""
    return Tokenizer(Vocabulary(ranks(), specials(), PATTERN))


def ids_of(markup: str) -> list[int]:
    """Token ids of text in which the spellings of special tokens stand for those tokens."""
    ids: list[int] = []
    for piece in re.split(r"(<\|\w+\|>)", markup):
        special = _SPECIALS.get(piece)
        ids += tokenizer().encode(piece) if special is None else [special]
    return ids


_SPECIALS = specials()


def tokenizer_json() -> bytes:
    """A tokenizer.json of the released vocabulary, whose merges nobody here reads."""
    characters = {byte: character for character, byte in byte_of_character().items()}
    vocabulary = {
        "".join(map(characters.__getitem__, piece)): rank for piece, rank in ranks().items()
    }
    split = {
        "type": "Split",
        "pattern": {"Regex": PATTERN},
        "behavior": "Isolated",
        "invert": False,
    }
    bytewise = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    added = [
        {"id": token_id, "content": name, "special": True} for name, token_id in _SPECIALS.items()
    ]
    return json.dumps(
        {
            "added_tokens": added,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytewise]},
            "model": {"type": "BPE", "vocab": vocabulary, "merges": [["a", "b"]]},
        }
    ).encode()
