"""The vocabulary in the metadata of a GGUF file: tokens in the order of their ids, and what each is.

Ids of ordinary tokens are their merge ranks, so merges say nothing more: they are written for others, and not read.
"""

from __future__ import annotations

import re

from gptoss.errors import CheckpointError, TokenizerError
from gptoss.files.gguf import GgufFile
from gptoss.files.gguf_writer import MetadataValue
from gptoss.files.json_text import shorten
from gptoss.tokenizer.merges import merges_of
from gptoss.tokenizer.vocabulary import (
    MAX_TOKENS,
    PATTERNS,
    Vocabulary,
    byte_of_character,
    check_complete,
    special_name,
    token_bytes,
)

_ARCHITECTURE, _OLLAMA = "general.architecture", "gptoss"
_MODEL, _BPE = "tokenizer.ggml.model", "gpt2"
_PRE, _O200K = "tokenizer.ggml.pre", ("gpt-4o", "llama4")
_TOKENS, _KINDS = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_MERGES = "tokenizer.ggml.merges"
# An unused one fills a gap between ids: no token of the model has that spelling.
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5
_DIGITS = re.compile(rb"\d\d")


def read_vocabulary(file: GgufFile) -> Vocabulary:
    """The vocabulary. Raises TokenizerError for a file that has none, or not o200k's kind of one."""
    try:
        _check_kind(file)
        tokens, kinds = file.texts(_TOKENS), file.integers(_KINDS)
        if tokens is None or kinds is None:
            raise ValueError(f"no {_TOKENS if tokens is None else _KINDS}")
        return _of(tokens, kinds)
    except (CheckpointError, ValueError) as error:
        raise TokenizerError(
            f"{file.path} has no tokenizer of gpt-oss in its metadata: {error}; put the tokenizer.json that came with "
            "the checkpoint beside it"
        ) from None


def vocabulary_metadata(vocabulary: Vocabulary, num_tokens: int) -> dict[str, MetadataValue]:
    """The metadata of which `read_vocabulary` makes the same vocabulary, for a model of so many tokens.

    Raises TokenizerError for more tokens than that, or a vocabulary that splits digits in a way that no file says and
    that would show.
    """
    _require_digits_apart(vocabulary)
    character_of = {byte: character for character, byte in byte_of_character().items()}

    def spelled(token: bytes) -> str:
        return "".join(map(character_of.__getitem__, token))

    # As llama.cpp's converter fills the gaps between ids.
    tokens = [f"[PAD{token_id}]" for token_id in range(num_tokens)]
    kinds = [_UNUSED] * num_tokens
    try:
        for token, token_id in vocabulary.ranks.items():
            tokens[token_id], kinds[token_id] = spelled(token), _NORMAL
        for name, token_id in vocabulary.specials.items():
            # One of the user's would be found in any text.
            tokens[token_id], kinds[token_id] = name, _CONTROL
    except IndexError:
        raise TokenizerError(
            f"the tokenizer has ids beyond the {num_tokens} tokens of the model; use the tokenizer.json that came "
            "with the checkpoint"
        ) from None
    merges = [f"{spelled(left)} {spelled(right)}" for left, right in merges_of(vocabulary.ranks)]
    return {_MODEL: _BPE, _PRE: _O200K[0], _TOKENS: tokens, _KINDS: kinds, _MERGES: merges}


def _require_digits_apart(vocabulary: Vocabulary) -> None:
    """A file says that up to three digits stand together; with none in one token that makes no difference.

    Digits of other scripts have several bytes: where all tokens of several bytes are ASCII, none spans two of them.
    """
    if vocabulary.pattern == PATTERNS[0]:
        return
    for token in vocabulary.ranks:
        if len(token) > 1 and (not token.isascii() or _DIGITS.search(token)):
            raise TokenizerError(
                f"the tokenizer splits texts at each digit and has the token {shorten(repr(token))}, which a GGUF file "
                "cannot say; export it in another form"
            )


def _check_kind(file: GgufFile) -> None:
    model, pre = file.metadata.get(_MODEL), file.metadata.get(_PRE)
    if model != _BPE:
        raise ValueError(f"{_MODEL} is {shorten(model)}, wanted {_BPE!r}")
    # Ollama's code splits all text of gpt-oss by o200k's pattern; what its files say is of no account there.
    if pre not in _O200K and file.metadata.get(_ARCHITECTURE) != _OLLAMA:
        raise ValueError(f"{_PRE} is {shorten(pre)}, wanted {_O200K[0]!r}")


def _of(tokens: list[str], kinds: list[int]) -> Vocabulary:
    if len(tokens) != len(kinds) or len(tokens) > MAX_TOKENS:
        raise ValueError(
            f"it has {len(tokens)} tokens and the kinds of {len(kinds)}, wanted as many, and at most {MAX_TOKENS}"
        )
    byte_of = byte_of_character()
    ranks: dict[bytes, int] = {}
    specials: dict[str, int] = {}
    for token_id, (text, kind) in enumerate(zip(tokens, kinds, strict=True)):
        if kind == _NORMAL:
            # A character that stands for no byte.
            if not byte_of.keys() >= set(text):
                raise ValueError(f"the token {shorten(text)} is not byte-level")
            ranks.setdefault(token_bytes(text, byte_of), token_id)
        elif kind in (_CONTROL, _USER_DEFINED):
            # Marked special or not: no text is to become one.
            specials.setdefault(special_name(text), token_id)
        elif kind != _UNUSED:
            raise ValueError(f"the token {shorten(text)} is of the unknown kind {kind}")
    num_named = len(kinds) - kinds.count(_UNUSED)
    if len(ranks) + len(specials) < num_named:
        raise ValueError("two tokens have the same spelling")
    check_complete(ranks, specials)
    return Vocabulary(ranks, specials, PATTERNS[0])
