"""Masks over the vocabulary, and the vocabulary as llguidance reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from gptoss.harmony.names import Marker
from gptoss.kernels import Float32
from gptoss.tokenizer import Tokenizer


class TokenMask:
    """A bit for each token of the vocabulary: which may come next."""

    def __init__(self, vocab_size: int) -> None:
        self._bits = np.zeros(-(-vocab_size // 32), np.int32)
        self._vocab_size = vocab_size

    def fill(self, matcher: LLMatcher) -> None:
        """Take what a matcher allows now."""
        matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)

    def apply(self, logits: Float32) -> None:
        """Forbid in logits (vocabulary, and perhaps rows that no token has) what the mask does not allow."""
        size = self._vocab_size
        allowed: NDArray[np.bool_] = np.unpackbits(
            self._bits.view(np.uint8), count=size, bitorder="little"
        ).view(np.bool_)
        np.copyto(logits[:size], -np.inf, where=~allowed)
        logits[size:] = -np.inf


class _Vocabulary:
    """What LLTokenizer asks a tokenizer for."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        # No turn's grammar allows it: the end of a turn is another marker.
        self.eos_token_id = tokenizer.special_id(Marker.END_OF_TEXT)
        self.special_token_ids = sorted(tokenizer.special_ids)
        self.tokens: Sequence[bytes] = tokenizer.pieces()
        self._tokenizer = tokenizer

    def __call__(self, text: str | bytes) -> list[int]:
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        return self._tokenizer.encode(text)


def indexed(tokenizer: Tokenizer) -> LLTokenizer:
    """The vocabulary with llguidance's indices. Takes half a second for 201,088 tokens, without releasing the GIL."""
    return LLTokenizer(_Vocabulary(tokenizer), n_vocab=tokenizer.vocab_size)  # type: ignore[arg-type]
