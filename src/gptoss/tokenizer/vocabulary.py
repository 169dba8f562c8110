"""The vocabulary of a byte-level BPE tokenizer.json: ranks, special tokens, the pattern that splits text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptoss.errors import TokenizerError
from gptoss.files.json_text import read_object, shorten

# A tokenizer.json of 201,088 tokens has 28 MB and 1.6 million values; far beyond that it is not one.
MAX_FILE_BYTES = 64 << 20
MAX_VALUES = 1 << 22
MAX_TOKENS = 2**21
# The longest of o200k has 128.
MAX_TOKEN_BYTES = 1024

# A file's own regular expression could take time without end on some text, or leave some out: only o200k's is taken,
# with up to three digits together or, as nano has it, one.
_ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PATTERNS = tuple(
    "|".join(
        (
            rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_ENDING}",
            rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_ENDING}",
            digits,
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        )
    )
    for digits in (r"\p{N}{1,3}", r"\p{N}")
)


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
            raise ValueError(f"its model is {shorten(model.get('type'))}, wanted 'BPE'")
        byte_of = byte_of_character()
        specials: dict[str, int] = {}
        # Marked special or not: no text is to become one.
        for token in data["added_tokens"]:
            name = special_name(token["content"])
            token_id = _token_id(token["id"], name)
            if specials.setdefault(name, token_id) != token_id:
                raise ValueError(f"the special token {shorten(name)} has two ids")
        ranks: dict[bytes, int] = {}
        for text, token_id in model["vocab"].items():
            if text not in specials:
                ranks[token_bytes(text, byte_of)] = _token_id(token_id, text)
        check_complete(ranks, specials)
        return cls(ranks, specials, _pattern(data["pre_tokenizer"]))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_object(path, most_bytes=MAX_FILE_BYTES, most_values=MAX_VALUES)
    except OSError as error:
        raise TokenizerError(
            f"cannot read {path}: {error.strerror or error}; a checkpoint needs its tokenizer.json beside it"
        ) from None
    except ValueError as error:
        raise TokenizerError(
            f"{path} cannot be read: {error}; copy it from the source again"
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {shorten(error.args[0])}"
    return str(error)


def token_bytes(text: str, byte_of: Mapping[str, int]) -> bytes:
    """The bytes of an ordinary token, of which each character stands for one. Raises ValueError, or KeyError."""
    if not 1 <= len(text) <= MAX_TOKEN_BYTES:
        raise ValueError(
            f"the token {shorten(text)} has {len(text)} bytes, wanted 1 to {MAX_TOKEN_BYTES}"
        )
    return bytes(map(byte_of.__getitem__, text))


def special_name(name: object) -> str:
    """The spelling of a special token, checked. Raises ValueError."""
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_TOKEN_BYTES:
        raise ValueError(
            f"a special token is spelled {shorten(name)}, wanted 1 to {MAX_TOKEN_BYTES} characters"
        )
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the special token {shorten(name)} is no text") from None
    return name


def _token_id(value: object, text: str) -> int:
    if type(value) is not int or not 0 <= value < MAX_TOKENS:
        raise ValueError(
            f"token {shorten(text)} has the id {shorten(value)}, wanted 0 to {MAX_TOKENS - 1}"
        )
    return value


def check_complete(ranks: dict[bytes, int], specials: dict[str, int]) -> None:
    """Raises ValueError for an id that two tokens share, or a byte that has none."""
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
        raise ValueError(
            f"its pre-tokenizer has the steps {shorten([step['type'] for step in steps])}"
        )
    pattern: str = splits[0]["pattern"]["Regex"]
    if pattern not in PATTERNS:
        raise ValueError(f"its split pattern is {shorten(pattern)}, wanted that of o200k")
    return pattern


def byte_of_character() -> dict[str, int]:
    """The byte-level alphabet of GPT-2: printable Latin-1 stands for itself, the rest from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + index): byte for index, byte in enumerate(others)})
    return table
