"""The tokenizer.json that a vocabulary is written as, read back by us and by the library that such files are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer as Published

from gptoss import nano
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.merges import merges_of
from gptoss.tokenizer.tokenizer_json import tokenizer_json
from gptoss.tokenizer.vocabulary import Vocabulary
from tests import o200k

TEXTS = [
    "What is 48213 + 9077?",
    "Ünïcödé, 日本語, שלום \U0001f600 ½²३४५",
    "  spaces\n\n\tand 12345678 digits, it's I'LL\r\n",
    "<|start|>user",
]


def test_order_of_merges() -> None:
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"bc": 3, b"ab": 4, b"abc": 5}
    assert list(merges_of(ranks)) == [
        (b"b", b"c"),
        (b"a", b"b"),
        # The split whose parts have the lower ranks comes first.
        (b"a", b"bc"),
        (b"ab", b"c"),
    ]


def test_as_many_merges_as_published() -> None:
    assert sum(1 for _ in merges_of(o200k.ranks())) == 446_189


@pytest.fixture(
    scope="module", params=["nano", pytest.param("released", marks=pytest.mark.thorough)]
)
def vocabulary(request: pytest.FixtureRequest) -> Vocabulary:
    if request.param == "nano":
        return Vocabulary.from_file(nano.checkpoint_path() / "tokenizer.json")
    return Vocabulary(o200k.ranks(), o200k.specials(), o200k.PATTERN)


def test_read_back(vocabulary: Vocabulary, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer_json(vocabulary))
    assert Vocabulary.from_file(path) == vocabulary


def test_same_ids_in_the_published_library(vocabulary: Vocabulary, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer_json(vocabulary))
    published = Published.from_file(str(path))
    ours = Tokenizer(vocabulary)
    guides = [file.read_text("utf-8") for file in sorted(Path("docs").glob("*.md"))]
    # There, the spelling of a special token in a text is that token.
    texts = [*TEXTS[:-1], *(guide.replace("<|", "< |") for guide in guides)]
    for text in texts:
        ids = published.encode(text).ids
        assert ids == ours.encode(text)
        assert published.decode(ids) == text
    assert published.encode(TEXTS[-1]).ids[0] == vocabulary.specials["<|start|>"]
