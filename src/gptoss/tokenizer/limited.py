"""A tokenizer that ends where a text cannot fit any more."""

from __future__ import annotations

from collections.abc import Callable

from gptoss.errors import ContextLengthError, RequestError
from gptoss.tokenizer.tokenizer import Tokenizer


class LimitedTokenizer(Tokenizer):
    """Encodes texts that have at most so many tokens together, and reads none much further than that.

    Reading is as fast as it ever is: a text of ten million characters is given up after the part that fills the limit.
    """

    def __init__(
        self, whole: Tokenizer, most: int | None, is_gone: Callable[[], bool] = lambda: False
    ) -> None:
        """`most`: None for any number. `is_gone` is asked between parts: whether nobody wants the rest."""
        # The same tables, whatever of them is made already.
        self.__dict__.update(whole.__dict__)
        self._most = most
        self._is_gone = is_gone
        self._num_tokens = 0

    def encode(self, text: str) -> list[int]:
        """As `Tokenizer.encode`. Raises RequestError beyond the limit, and when the caller has gone."""
        ids: list[int] = []
        for part in self.encode_parts(text):
            ids += part
            self._num_tokens += len(part)
            if self._most is not None and self._num_tokens > self._most:
                raise ContextLengthError(self._most, self._most, is_counted=False)
            if self._is_gone():
                raise RequestError("the caller has gone")
        return ids
