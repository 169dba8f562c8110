"""Text as token ids, and token ids as text."""

from __future__ import annotations

from functools import cache

from gptoss import nano
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.stop_strings import StopStrings
from gptoss.tokenizer.tokenizer import _parts
from gptoss.tokenizer.vocabulary import Vocabulary
from tests.growth.case import Case
from tests.o200k import PATTERN


@cache
def _tokenizer() -> Tokenizer:
    """The pattern of gpt-oss's, and tokens of one byte, twice, four times ... for merges as deep as its own."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    for count in (2, 4, 8, 16, 32, 64):
        for byte in b"aA1 \n!":
            ranks[bytes([byte]) * count] = len(ranks)
    return Tokenizer(Vocabulary(ranks, {}, PATTERN))


@cache
def _nano() -> Tokenizer:
    return Tokenizer.from_directory(nano.checkpoint_path())


def _encode(text: str) -> list[int]:
    return _tokenizer().encode(text)


def _cut(text: str) -> list[str]:
    return [*_parts(text)]


def _detokenize(token_ids: list[int]) -> None:
    detokenizer = _nano().detokenizer()
    for token_id in token_ids:
        detokenizer.feed(token_id)
    detokenizer.finish()


def _halves(size: int) -> list[int]:
    """Beginnings of characters that never end."""
    return _nano().encode("\N{SNOWMAN}")[:1] * size


def _stop(given: tuple[list[str], str]) -> None:
    stops = StopStrings(given[0])
    for character in given[1]:
        stops.feed(character)
    stops.finish()


def _one_stop(size: int) -> tuple[list[str], str]:
    """A text that begins it again and again, up to its last character but one."""
    return ["a" * size + "b"], ("a" * size + "c") * 4


def _many_stops(size: int) -> tuple[list[str], str]:
    return ["ab" * (count + 40) + "c" for count in range(16)], "ab" * size


CASES = (
    Case("a word", lambda n: "a" * n, _encode, 4000),
    Case("a word longer than what is split at once", lambda n: "a" * n, _encode, 60_000),
    Case("a word of capitals", lambda n: "A" * n, _encode, 4000),
    Case("a word of both", lambda n: "aA" * n, _encode, 2000),
    Case("digits", lambda n: "1" * n, _encode, 4000),
    Case("spaces", lambda n: " " * n, _encode, 4000),
    Case("spaces before a word", lambda n: (" " * 50 + "a") * n, _encode, 100),
    Case("line ends", lambda n: "\n" * n, _encode, 4000),
    Case("line ends that no text can be cut at", lambda n: ("\n" + "1" * 20) * n, _cut, 6000),
    Case("signs", lambda n: "!" * n, _encode, 4000),
    Case("marks without a letter", lambda n: "\u0301" * n, _encode, 6000),
    Case("letters of many bytes", lambda n: "\u4e2d" * n, _encode, 6000),
    Case("half pairs", lambda n: "\ud83d" * n, _encode, 2000),
    Case("bytes of tokens", lambda n: [65] * n, lambda ids: _nano().decode(ids), 20_000),
    Case("tokens one by one", lambda n: [65] * n, _detokenize, 10_000),
    Case("half characters one by one", _halves, _detokenize, 2000),
    Case("nearly a stop string", _one_stop, _stop, 500),
    Case("many stop strings", _many_stops, _stop, 1000),
)
