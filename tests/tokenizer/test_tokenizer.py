"""Text to ids and back, with a byte vocabulary and with the real one."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from gptoss.errors import TokenizerError
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.vocabulary import MAX_VALUES
from tests import o200k


def write(directory: Path, data: object) -> Path:
    path = directory / "tokenizer.json"
    path.write_text(json.dumps(data))
    return path


def test_reads_ids_and_specials(tmp_path: Path, byte_level: dict[str, Any]) -> None:
    tokenizer = Tokenizer.from_file(write(tmp_path, byte_level))
    assert tokenizer.encode("ab <é") == [256, 32, 60, 0xC3, 0xA9]
    assert tokenizer.special_id("<|end|>") == 258
    assert tokenizer.special_ids == {257, 258}
    assert tokenizer.vocab_size == 259
    assert tokenizer.decode([256, 257, 0xC3, 0xA9, 9999]) == "ab<|start|>é\ufffd"


def test_added_tokens_are_special_whatever_they_are_marked(
    tmp_path: Path, byte_level: dict[str, Any]
) -> None:
    byte_level["added_tokens"][0]["special"] = False
    tokenizer = Tokenizer.from_file(write(tmp_path, byte_level))
    assert tokenizer.special_id("<|start|>") == 257
    assert tokenizer.encode("<|start|>") == list(b"<|start|>")


def test_special_spellings_are_ordinary_text(tmp_path: Path, byte_level: dict[str, Any]) -> None:
    tokenizer = Tokenizer.from_file(write(tmp_path, byte_level))
    assert tokenizer.encode("<|start|>") == list(b"<|start|>")


def test_finds_the_file_above_the_original_layout(
    tmp_path: Path, byte_level: dict[str, Any]
) -> None:
    write(tmp_path, byte_level)
    (tmp_path / "original").mkdir()
    assert Tokenizer.from_directory(tmp_path / "original").vocab_size == 259


def test_missing_file_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer\.json in .*; copy"):
        Tokenizer.from_directory(tmp_path)


def test_missing_special_token(tmp_path: Path, byte_level: dict[str, Any]) -> None:
    with pytest.raises(TokenizerError, match=r"no special token <\|call\|>"):
        Tokenizer.from_file(write(tmp_path, byte_level)).special_id("<|call|>")


def test_must_fit_the_model(tmp_path: Path, byte_level: dict[str, Any]) -> None:
    tokenizer = Tokenizer.from_file(write(tmp_path, byte_level))
    tokenizer.check_fits(259)
    with pytest.raises(TokenizerError, match="ids up to 258, the model only 258 tokens"):
        tokenizer.check_fits(258)


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def apply(data: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for key in parents:
            data = data[int(key) if isinstance(data, list) else key]
        data[int(last) if isinstance(data, list) else last] = value  # type: ignore[call-overload]

    return apply


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (change("model.type", "Unigram"), "its model is 'Unigram'"),
        (change("model.vocab", {}), "no token for the byte 0"),
        (change("model.vocab.ab", 7), "two tokens share an id"),
        (change("model.vocab.ab", -1), "has the id -1"),
        (change("model.vocab.ab", 2**40), "has the id 1099511627776"),
        (change("model.vocab.ab", "7"), "has the id '7'"),
        (change("model.vocab.ab", True), "has the id True"),
        (change("model.vocab.ab", 256.0), "has the id 256.0"),
        (change("model.vocab.\u4e00", 300), r"no '\u4e00'"),
        (change("model.vocab.", 300), "the token '' has 0 bytes"),
        (change("model.vocab." + "a" * 1025, 300), "has 1025 bytes, wanted 1 to 1024"),
        (change("model.vocab", ["a"]), "not a byte-level BPE"),
        (change("model", []), "not a byte-level BPE"),
        (change("added_tokens.0", {"id": 257}), "no 'content'"),
        (change("added_tokens.0", "<|start|>"), "not a byte-level BPE"),
        (change("added_tokens", None), "not a byte-level BPE"),
        (change("added_tokens.0.content", ""), "a special token is spelled ''"),
        (change("added_tokens.0.content", 5), "a special token is spelled 5"),
        (change("added_tokens.0.content", "x" * 1025), "wanted 1 to 1024 characters"),
        (change("added_tokens.0.content", "\ud800"), r"'\ud800' is no text"),
        (change("added_tokens.0.content", "<|end|>"), "has two ids"),
        (change("added_tokens.0.id", 258), "two tokens share an id"),
        (change("added_tokens.0.id", 2**40), "has the id 1099511627776"),
        (change("pre_tokenizer.pretokenizers", 5), "not a byte-level BPE"),
        (change("pre_tokenizer.pretokenizers", [{"type": []}]), "not a byte-level BPE"),
        (change("pre_tokenizer", {"type": "Whitespace"}), "has the steps ['Whitespace']"),
        (change("pre_tokenizer.pretokenizers.0.pattern", {"String": "x"}), "no 'Regex'"),
        (change("pre_tokenizer.pretokenizers.0.pattern.Regex", "("), "wanted that of o200k"),
        (change("pre_tokenizer.pretokenizers.0.pattern.Regex", "(a+)+$"), "wanted that of o200k"),
        (change("pre_tokenizer.pretokenizers.0.pattern.Regex", r"\p{N}"), "wanted that of o200k"),
        (change("pre_tokenizer.pretokenizers.0.pattern.Regex", ["a"]), "wanted that of o200k"),
        (change("pre_tokenizer", None), "not a byte-level BPE"),
    ],
)
def test_refuses_what_is_not_byte_level_bpe(
    tmp_path: Path, byte_level: dict[str, Any], fault: Callable[[dict[str, Any]], None], said: str
) -> None:
    fault(byte_level)
    with pytest.raises(TokenizerError) as caught:
        Tokenizer.from_file(write(tmp_path, byte_level))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[1]", b"\xff\xfe", b"[" * 200_000, b'{"a":NaN}', b'{"model":1,"model":2}'),
        *(b'{"a":' * 500 + b"1" + b"}" * 500, b'{"a":' + b"9" * 5000 + b"}", b'{"a":1e999}'),
        b'{"a":[' + b"[]," * MAX_VALUES + b"[]]}",
    ],
)
def test_refuses_what_is_not_json(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=r"cannot be read: .{,200}$|wanted an object"):
        Tokenizer.from_file(path)


def test_reads_no_more_than_a_tokenizer_can_have(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(TokenizerError, match="it has more than"):
        Tokenizer.from_file(path)


@pytest.mark.parametrize("kind", ["FIFO", "folder", "dangling link", "socket"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "tokenizer.json"
    with contextlib.ExitStack() as held:
        if kind == "FIFO":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "dangling link":
            path.symlink_to("nothing")
        else:
            held.enter_context(socket.socket(socket.AF_UNIX)).bind(str(path))
        with pytest.raises(TokenizerError, match="cannot read"):
            Tokenizer.from_file(path)
        with pytest.raises(TokenizerError, match=r"cannot read|no tokenizer\.json"):
            Tokenizer.from_directory(tmp_path)


def test_any_bytes_changed(tmp_path: Path, byte_level: dict[str, Any]) -> None:
    content = write(tmp_path, byte_level).read_bytes()
    path = tmp_path / "tokenizer.json"
    chance = random.Random(7)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.choice(b'{}[]",:0-\\ \xff')
        path.write_bytes(changed)
        with contextlib.suppress(TokenizerError):
            tokenizer = Tokenizer.from_file(path)
            assert tokenizer.decode(tokenizer.encode("some text")) == "some text"


class TestRealVocabulary:
    """o200k, against tiktoken's own encoding of it."""

    def test_published_ids(self) -> None:
        tokenizer = o200k.tokenizer()
        assert tokenizer.vocab_size == 201088
        words = {"assistant": 173781, "user": 1428, "system": 17360, "analysis": 35644, " to": 316}
        assert {word: tokenizer.encode(word) for word in words} == {
            word: [token_id] for word, token_id in words.items()
        }
        assert tokenizer.encode("commentary") == [12606, 815]
        assert tokenizer.special_id("<|channel|>") == 200005

    @given(st.text(max_size=200))
    def test_round_trip(self, text: str) -> None:
        tokenizer = o200k.tokenizer()
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert not tokenizer.special_ids & set(ids)

    @pytest.mark.parametrize("spelling", sorted(o200k.specials())[::97])
    def test_no_spelling_becomes_special(self, spelling: str) -> None:
        tokenizer = o200k.tokenizer()
        assert not tokenizer.special_ids & set(tokenizer.encode(f"a{spelling}b {spelling}"))

    def test_lone_surrogates_are_replaced(self) -> None:
        tokenizer = o200k.tokenizer()
        assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"

    def test_long_text_as_in_pieces_of_its_lines(self) -> None:
        oracle = tiktoken.Encoding(
            "oracle", pat_str=o200k.PATTERN, mergeable_ranks=o200k.ranks(), special_tokens={}
        )
        text = "The quick brown fox,\n\n  jumps 12345 times;\n\tover\nthe lazy dog's 1\n" * 5000
        assert o200k.tokenizer().encode(text) == oracle.encode_ordinary(text)

    @pytest.mark.parametrize("unit", ["a", " ", "\n", "(", "\u200b", "é", "中", "1"])
    def test_a_megabyte_of_one_character(self, unit: str) -> None:
        text = unit * 1_000_000
        tokenizer = o200k.tokenizer()
        assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.lists(st.integers(0, 210_000), max_size=60))
def test_stream_decodes_as_the_whole_does(ids: list[int]) -> None:
    tokenizer = o200k.tokenizer()
    detokenizer = tokenizer.detokenizer()
    pieces = [*(detokenizer.feed(token_id) for token_id in ids), detokenizer.finish()]
    assert "".join(pieces) == tokenizer.decode(ids)


@given(st.text(max_size=60))
def test_stream_never_splits_a_character(text: str) -> None:
    tokenizer = o200k.tokenizer()
    detokenizer = tokenizer.detokenizer()
    pieces = [detokenizer.feed(byte_id) for byte in text.encode() for byte_id in _ids_of(byte)]
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces) or "\ufffd" in text
    assert detokenizer.finish() == ""


def _ids_of(byte: int) -> list[int]:
    return [o200k.ranks()[bytes([byte])]]


def test_unfinished_character_ends_as_replacement() -> None:
    detokenizer = o200k.tokenizer().detokenizer()
    assert [detokenizer.feed(token_id) for token_id in _ids_of(0xE4)] == [""]
    assert detokenizer.finish() == "\ufffd"
    assert detokenizer.finish() == ""
