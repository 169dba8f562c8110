"""A tokenizer in a GGUF file's metadata gives the ids that the same vocabulary gives as a tokenizer.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss import nano
from gptoss.errors import TokenizerError
from gptoss.files.gguf import GgufFile
from gptoss.files.gguf_writer import header_of, write_gguf
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.gguf_vocabulary import read_vocabulary, vocabulary_metadata
from gptoss.tokenizer.vocabulary import PATTERNS, Vocabulary, byte_of_character
from tests import o200k
from tests.levels import examples

CHARACTERS = {byte: character for character, byte in byte_of_character().items()}
BYTES = [CHARACTERS[byte] for byte in range(256)]
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 1, 2, 3, 4, 5
KEYS = "tokenizer.ggml."


def written(
    path: Path,
    tokens: Iterable[str],
    kinds: Iterable[int],
    *,
    architecture: str = "gpt-oss",
    change: Callable[[dict[str, Any]], object] = lambda _: None,
) -> GgufFile:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-4o")
    writer.add_token_list(list(tokens))
    writer.add_token_types(list(kinds))
    writer.add_token_merges(["a b"])
    change(writer.kv_data[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    return GgufFile(path)


def refusal(file: GgufFile) -> str:
    """The message of the error, which must be one short line."""
    with pytest.raises(TokenizerError) as caught:
        Tokenizer.from_gguf(file)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    assert "put the tokenizer.json" in message
    return message


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """The whole vocabulary, as llama.cpp's converter writes it."""
    tokens = [""] * o200k.VOCAB_SIZE
    kinds = [NORMAL] * o200k.VOCAB_SIZE
    for piece, token_id in o200k.ranks().items():
        tokens[token_id] = "".join(map(CHARACTERS.__getitem__, piece))
    for name, token_id in o200k.specials().items():
        tokens[token_id], kinds[token_id] = name, CONTROL
    path = tmp_path_factory.mktemp("vocabulary") / "model.gguf"
    return Tokenizer.from_gguf(written(path, tokens, kinds))


class TestReleased:
    def test_every_token(self, released: Tokenizer) -> None:
        wanted = o200k.tokenizer()
        assert released.vocab_size == wanted.vocab_size
        assert released.pieces() == wanted.pieces()
        assert released.special_ids == wanted.special_ids

    def test_texts_of_this_project(self, released: Tokenizer) -> None:
        wanted = o200k.tokenizer()
        for path in sorted(Path("docs").rglob("*.md"))[:20]:
            text = path.read_text(encoding="utf-8")
            assert released.encode(text) == wanted.encode(text)

    @given(text=st.text(max_size=200))
    def test_any_text(self, released: Tokenizer, text: str) -> None:
        assert released.encode(text) == o200k.tokenizer().encode(text)


class TestSmall:
    TOKENS = (*BYTES, "ab", "<|start|>", "[PAD258]", "<tool>")
    KINDS = (*[NORMAL] * 257, CONTROL, UNUSED, USER_DEFINED)

    def test_what_is_no_token_has_no_id(self, tmp_path: Path) -> None:
        tokenizer = Tokenizer.from_gguf(written(tmp_path / "m.gguf", self.TOKENS, self.KINDS))
        assert tokenizer.encode("ab") == [256]
        assert tokenizer.special_ids == {257, 259}
        assert tokenizer.pieces()[258] == b""

    def test_the_file_beside_comes_first(self, tmp_path: Path, byte_level: dict[str, Any]) -> None:
        file = written(tmp_path / "m.gguf", self.TOKENS, self.KINDS)
        (tmp_path / "tokenizer.json").write_text(json.dumps(byte_level))
        assert Tokenizer.from_gguf(file).special_ids == {257, 258}

    @pytest.mark.parametrize("pre", ["llama4", "gpt-4o", "default"])
    def test_ollama_has_one_way_to_split(self, tmp_path: Path, pre: str) -> None:
        for architecture in ("gptoss", "gpt-oss"):
            file = written(
                tmp_path / "m.gguf",
                self.TOKENS,
                self.KINDS,
                architecture=architecture,
                change=lambda entries: entries[f"{KEYS}pre"].__setattr__("value", pre),
            )
            if (architecture, pre) == ("gpt-oss", "default"):
                assert f"{KEYS}pre is 'default', wanted 'gpt-4o'" in refusal(file)
            else:
                assert Tokenizer.from_gguf(file).encode("ab") == [256]

    @pytest.mark.parametrize("key", ["model", "pre", "tokens", "token_type"])
    def test_what_is_left_out(self, tmp_path: Path, key: str) -> None:
        file = written(
            tmp_path / "m.gguf",
            self.TOKENS,
            self.KINDS,
            change=lambda entries: entries.pop(f"{KEYS}{key}"),
        )
        assert f"{KEYS}{key}" in refusal(file)

    @pytest.mark.parametrize(
        ("tokens", "kinds", "reason"),
        [
            (TOKENS[:-1], KINDS, "259 tokens and the kinds of 260"),
            ((*BYTES, "a"), [NORMAL] * 257, "same spelling"),
            ((*BYTES, "<|a|>", "<|a|>"), (*[NORMAL] * 256, CONTROL, CONTROL), "same spelling"),
            ((*BYTES, " "), [NORMAL] * 257, "not byte-level"),
            ((*BYTES, ""), [NORMAL] * 257, "has 0 bytes"),
            ((*BYTES, ""), (*[NORMAL] * 256, CONTROL), "spelled ''"),
            ((*BYTES, "a" * 1025), [NORMAL] * 257, "has 1025 bytes"),
            ((*BYTES, "x"), (*[NORMAL] * 256, UNKNOWN), "unknown kind 2"),
            (BYTES[1:], [NORMAL] * 255, "no token for the byte 0"),
        ],
    )
    def test_refused(
        self, tmp_path: Path, tokens: list[str], kinds: list[int], reason: str
    ) -> None:
        assert reason in refusal(written(tmp_path / "m.gguf", tokens, kinds))

    @settings(
        max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(kinds=st.lists(st.integers(-1, 7), min_size=258, max_size=262))
    def test_any_kinds(self, tmp_path: Path, kinds: list[int]) -> None:
        tokens = [*self.TOKENS, "<|x|>", "<|y|>"][: len(kinds)]
        file = written(tmp_path / "m.gguf", tokens, [NORMAL] * 256 + kinds[256:])
        try:
            tokenizer = Tokenizer.from_gguf(file)
        except TokenizerError as error:
            refused = str(error)
        else:
            refused = ""
            assert tokenizer.decode(tokenizer.encode("some text")) == "some text"
        assert refused.isprintable()


class TestWritten:
    """Metadata that is written here."""

    def written(self, path: Path, vocabulary: Vocabulary, num_tokens: int) -> GgufFile:
        metadata = {"general.architecture": "gpt-oss"} | vocabulary_metadata(vocabulary, num_tokens)
        write_gguf(path, header_of(metadata, []), [], lambda _: [])
        return GgufFile(path)

    def test_released(self, tmp_path: Path, released: Tokenizer) -> None:
        vocabulary = Vocabulary(o200k.ranks(), o200k.specials(), o200k.PATTERN)
        file = self.written(tmp_path / "m.gguf", vocabulary, o200k.VOCAB_SIZE)
        assert read_vocabulary(file) == vocabulary
        assert file.metadata[f"{KEYS}model"] == "gpt2"
        assert file.metadata[f"{KEYS}pre"] == "gpt-4o"
        merges = file.texts(f"{KEYS}merges")
        assert merges is not None
        assert (len(merges), merges[0]) == (446_189, "Ġ Ġ")

    def test_gaps(self, tmp_path: Path) -> None:
        ranks = {bytes([byte]): byte for byte in range(256)}
        vocabulary = Vocabulary(ranks, {"<|end|>": 258}, PATTERNS[0])
        file = self.written(tmp_path / "m.gguf", vocabulary, 260)
        assert read_vocabulary(file) == vocabulary
        tokens, kinds = file.texts(f"{KEYS}tokens"), file.integers(f"{KEYS}token_type")
        assert tokens is not None
        assert kinds is not None
        assert tokens[256:] == ["[PAD256]", "[PAD257]", "<|end|>", "[PAD259]"]
        assert kinds[256:] == [UNUSED, UNUSED, CONTROL, UNUSED]
        with pytest.raises(TokenizerError, match="beyond the 258 tokens of the model"):
            vocabulary_metadata(vocabulary, 258)

    @pytest.mark.parametrize("token", [b"12", "é".encode(), b"a 34"])
    def test_digits_that_stand_together(self, token: bytes) -> None:
        """The file says that up to three do; a tokenizer that parts them and would show it is refused."""
        ranks = {bytes([byte]): byte for byte in range(256)} | {token: 256}
        parted = Vocabulary(ranks, {}, PATTERNS[1])
        with pytest.raises(TokenizerError, match="splits texts at each digit"):
            vocabulary_metadata(parted, 300)
        assert vocabulary_metadata(Vocabulary(ranks, {}, PATTERNS[0]), 300)

    def test_nano_parts_digits_either_way(self) -> None:
        vocabulary = Vocabulary.from_file(nano.checkpoint_path() / "tokenizer.json")
        vocabulary_metadata(vocabulary, 1024)
        apart = Tokenizer(vocabulary)
        together = Tokenizer(Vocabulary(vocabulary.ranks, vocabulary.specials, PATTERNS[0]))
        random = Random(3)
        for _ in range(2000):
            text = "".join(random.choices("0123456789 ²½٣ab+=", k=20))
            assert together.encode(text) == apart.encode(text)
