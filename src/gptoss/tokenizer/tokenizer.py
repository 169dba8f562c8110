"""Text <-> token ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from numbers import Integral
from pathlib import Path

import tiktoken

from gptoss.arguments import require_type
from gptoss.errors import RequestError, TokenizerError
from gptoss.files.gguf import GgufFile
from gptoss.tokenizer.detokenizer import REPLACEMENT, Detokenizer
from gptoss.tokenizer.gguf_vocabulary import read_vocabulary
from gptoss.tokenizer.tokenizer_file import tokenizer_file, tokenizer_file_beside
from gptoss.tokenizer.vocabulary import Vocabulary

# Longest text handed to the splitter at once, in characters: its regular expression recurses over long runs.
MAX_PIECE = 100_000


class Tokenizer:
    """Byte-level BPE over one vocabulary.

    `encode` only ever gives ordinary tokens: special ones come from `special_id`, so that no text can pose as
    structure.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Raises TokenizerError for a pattern that the splitter cannot compile."""
        self._vocabulary = vocabulary
        try:
            self._encoding = tiktoken.Encoding(
                "gptoss",
                pat_str=vocabulary.pattern,
                mergeable_ranks=vocabulary.ranks,
                special_tokens={},
            )
        except ValueError as error:
            raise TokenizerError(
                f"the tokenizer's split pattern does not compile: {error}"
            ) from None

    @classmethod
    def from_file(cls, path: Path) -> Tokenizer:
        """From a tokenizer.json. Raises TokenizerError."""
        return cls(Vocabulary.from_file(path))

    @classmethod
    def from_directory(cls, directory: Path) -> Tokenizer:
        """From a checkpoint's folder, as `tokenizer_file` finds it. Raises TokenizerError."""
        return cls.from_file(tokenizer_file(directory))

    @classmethod
    def from_gguf(cls, file: GgufFile) -> Tokenizer:
        """From a tokenizer.json beside a GGUF file, else from the file's metadata. Raises TokenizerError."""
        beside = tokenizer_file_beside(file)
        return cls(read_vocabulary(file)) if beside is None else cls.from_file(beside)

    def __repr__(self) -> str:
        return f"<Tokenizer of {self.vocab_size:,} tokens>"

    @cached_property
    def vocab_size(self) -> int:
        """One more than the largest id, special tokens included."""
        return 1 + max(*self._vocabulary.ranks.values(), *self._vocabulary.specials.values(), -1)

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids of all special tokens, reserved ones included."""
        return frozenset(self._vocabulary.specials.values())

    def special_id(self, name: str) -> int:
        """Id of a special token by its spelling, such as `<|start|>`. Raises TokenizerError if there is none."""
        try:
            return self._vocabulary.specials[name]
        except KeyError:
            raise TokenizerError(
                f"the tokenizer has no special token {name}; a gpt-oss checkpoint needs it, "
                "use the tokenizer.json that came with it"
            ) from None

    def encode(self, text: str) -> list[int]:
        """Ids of text, ordinary tokens only: `<|start|>` in it is seven or so characters like any others.

        Lone surrogates, which no UTF-8 can say, become U+FFFD. Raises RequestError for what is no text.
        """
        require_type("what is to be encoded", text, str)
        return [token_id for part in self.encode_parts(text) for token_id in part]

    def encode_parts(self, text: str) -> Iterator[list[int]]:
        """The ids that `encode` gives, a part of a long text after the other."""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        parts = (text,) if len(text) <= MAX_PIECE else _parts(text)
        for part in parts:
            yield self._encoding.encode_ordinary(part)

    def pieces(self) -> list[bytes]:
        """The bytes of every token by its id, special ones by their spelling; none where the vocabulary has a gap."""
        table = self._bytes_of
        return [table.get(token_id, b"") for token_id in range(self.vocab_size)]

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        """The bytes of each token in turn; an id that the vocabulary lacks gives U+FFFD."""
        table = self._bytes_of
        return b"".join([table.get(token_id, REPLACEMENT) for token_id in token_ids])

    def decode(self, token_ids: Iterable[int]) -> str:
        """Text of ids, special tokens by their spelling; bytes that are not UTF-8 become U+FFFD.

        Raises RequestError for what are no token ids. One that the vocabulary lacks gives U+FFFD: models have more.
        """
        wanted = "token ids, whole numbers of 0 or more"
        require_type("what is to be decoded", token_ids, Iterable, wanted=wanted)
        token_ids = token_ids if isinstance(token_ids, list | tuple) else [*token_ids]
        for token_id in token_ids:
            require_type("a token id", token_id, Integral, wanted=wanted)
            if token_id < 0:
                raise RequestError(f"got {token_id} as a token id, wanted {wanted}")
        return self.decode_bytes(token_ids).decode("utf-8", "replace")

    def detokenizer(self) -> Detokenizer:
        """A new incremental decoder over this vocabulary."""
        return Detokenizer(self._bytes_of, self._text_of)

    def check_fits(self, vocab_size: int) -> None:
        """Raises TokenizerError if ids of this tokenizer would lie outside a model's vocabulary."""
        if self.vocab_size > vocab_size:
            raise TokenizerError(
                f"the tokenizer has ids up to {self.vocab_size - 1}, the model only {vocab_size} tokens; "
                "use the tokenizer.json that came with the checkpoint"
            )

    @cached_property
    def _text_of(self) -> dict[int, str]:
        return {}

    @cached_property
    def _bytes_of(self) -> dict[int, bytes]:
        table = {token_id: piece for piece, token_id in self._vocabulary.ranks.items()}
        table.update(
            {token_id: name.encode() for name, token_id in self._vocabulary.specials.items()}
        )
        return table


def _parts(text: str) -> Iterable[str]:
    """Cut long text where a line ends if one does, else anywhere: only then can ids differ from those of the whole."""
    start = 0
    while start < len(text):
        end = start + MAX_PIECE
        if end < len(text):
            line_end = text.rfind("\n", start, end)
            # A cut before the letter that follows a line's end is one that the pattern makes as well.
            while line_end > start and not text[line_end + 1].isalpha():
                line_end = text.rfind("\n", start, line_end)
            end = line_end + 1 if line_end > start else end
        yield text[start:end]
        start = end
