"""The vocabulary of a byte-level BPE tokenizer.json: ranks, special tokens, the pattern that splits text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptoss.errors import TokenizerError

# A tokenizer.json of 201,088 tokens has 28 MB; far beyond that it is not one.
MAX_FILE_BYTES = 256 * 2**20
MAX_TOKENS = 2**21


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What encoding needs. Ids of ordinary tokens are their merge ranks."""

    ranks: dict[bytes, int]
    specials: dict[str, int]
    pattern: str

    @classmethod
    def from_file(cls, path: Path) -> Vocabulary:
        """Read a tokenizer.json.

        Raises TokenizerError for a file that is missing, not JSON, or not byte-level BPE whose ids are its ranks.
        """
        data = _read_json(path)
        try:
            return cls._from_dict(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TokenizerError(
                f"{path} is not a byte-level BPE tokenizer.json: {_reason(error)}; "
                "use the tokenizer.json that came with the checkpoint"
            ) from None

    @classmethod
    def _from_dict(cls, data: dict[str, Any]) -> Vocabulary:
        model = data["model"]
        if model.get("type") != "BPE":
            raise ValueError(f"its model is {model.get('type')!r}, wanted 'BPE'")
        byte_of = _byte_of_character()
        specials: dict[str, int] = {}
        # Marked special or not: no text is to become one.
        for token in data["added_tokens"]:
            specials[token["content"]] = _token_id(token["id"], token["content"])
        ranks: dict[bytes, int] = {}
        for text, token_id in model["vocab"].items():
            if text not in specials:
                ranks[bytes(byte_of[character] for character in text)] = _token_id(token_id, text)
        _check(ranks, specials)
        return cls(ranks, specials, _pattern(data["pre_tokenizer"]))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise TokenizerError(f"{path} has {size} bytes, wanted at most {MAX_FILE_BYTES}")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise TokenizerError(
            f"cannot read {path}: {error.strerror}; a checkpoint needs its tokenizer.json beside it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise TokenizerError(
            f"{path} is not JSON: {error}; copy it from the source again"
        ) from None
    if not isinstance(data, dict):
        raise TokenizerError(f"{path} holds a JSON {type(data).__name__}, wanted an object")
    return data


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r}"
    return str(error)


def _token_id(value: object, text: str) -> int:
    if type(value) is not int or not 0 <= value < MAX_TOKENS:
        raise ValueError(f"token {text!r} has the id {value!r}, wanted 0 to {MAX_TOKENS - 1}")
    return value


def _check(ranks: dict[bytes, int], specials: dict[str, int]) -> None:
    ids = [*ranks.values(), *specials.values()]
    if len(set(ids)) != len(ids):
        raise ValueError("two tokens share an id")
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise ValueError(f"no token for the byte {missing[0]}")


def _pattern(pre_tokenizer: dict[str, Any]) -> str:
    """The one regular expression that cuts text into pieces before merging."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    splits = [step for step in steps if step["type"] == "Split"]
    others = {step["type"] for step in steps} - {"Split", "ByteLevel"}
    if len(splits) != 1 or others:
        raise ValueError(f"its pre-tokenizer has the steps {[step['type'] for step in steps]}")
    pattern = splits[0]["pattern"]["Regex"]
    if not isinstance(pattern, str):
        raise ValueError("its split pattern is not text")
    return pattern


def _byte_of_character() -> dict[str, int]:
    """The byte-level alphabet of GPT-2: printable Latin-1 stands for itself, the rest from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + index): byte for index, byte in enumerate(others)})
    return table
