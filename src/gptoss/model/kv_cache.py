"""Keys and values of past tokens, in pages that sequences take and give back.

Full layers keep every position, so a sequence's pages there grow with it. Sliding layers need the last window only:
pages that have left it are given back, so a sequence of any length holds a few there. Both kinds of layers have a pool
of their own, in which one page serves all layers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gptoss.errors import RequestError
from gptoss.kernels import Int32
from gptoss.model.config import Config, LayerType
from gptoss.model.page_pool import PAGE_SIZE, PagePool, new_pages, page_bytes, pages_for
from gptoss.model.precision import CacheType

# Tokens that one step may add to a sequence.
MAX_CHUNK = 1024

_ABSENT = -1


class KVCache:
    """The page pools of a model, for so many sequences with so many tokens in all.

    max_tokens    positions that full layers can hold, over all sequences; None: the model's context
    spare_tokens  positions that sliding layers can hold beside those that sequences see: of prefixes that are kept
    """

    def __init__(
        self,
        config: Config,
        cache_type: CacheType,
        *,
        max_tokens: int | None = None,
        max_sequences: int = 1,
        spare_tokens: int = 0,
    ) -> None:
        if max_tokens is None:
            max_tokens = config.max_positions
        if max_tokens < 1 or max_sequences < 1 or spare_tokens < 0:
            raise RequestError(
                f"got a KV cache of {max_tokens} tokens for {max_sequences} sequences and {spare_tokens} more; "
                "wanted at least one of the first two and no negative number"
            )
        self.cache_type = cache_type
        self.context = min(max_tokens, config.max_positions)
        self.window = config.sliding_window
        # Every sequence may leave its last page part empty.
        full = pages_for(min(max_tokens, self.context * max_sequences)) + max_sequences - 1
        # A chunk sees the window before its first token, at any offset into a page.
        sliding = min(pages_for(self.window - 1 + MAX_CHUNK) + 1, pages_for(self.context))
        self._pools = {
            kind: PagePool(
                new_pages(
                    config,
                    cache_type,
                    config.layer_types.count(kind),
                    num_pages,
                )
            )
            for kind, num_pages in (
                (LayerType.FULL, full),
                (LayerType.SLIDING, sliding * max_sequences + pages_for(spare_tokens)),
            )
        }

    def pool(self, kind: LayerType) -> PagePool:
        """The pool of one kind of layers."""
        return self._pools[kind]

    @property
    def usage(self) -> float:
        """The share of the full layers' pages that are in use, 0 to 1."""
        pool = self._pools[LayerType.FULL]
        return 1 - pool.num_free / pool.num_pages

    def sequence(self) -> SequenceCache:
        """The cache of a new, empty sequence."""
        return SequenceCache(self)


class SequenceCache:
    """One sequence's place in the cache: how many tokens are stored, and in which pages."""

    def __init__(self, cache: KVCache) -> None:
        self.cache = cache
        self._tables = {
            kind: np.full(pages_for(cache.context), _ABSENT, np.int32) for kind in LayerType
        }
        # Sliding pages before this index have been given back.
        self._first_page = 0
        self.length = 0

    def page_table(self, kind: LayerType) -> Int32:
        """(max_pages): entry i is the page of positions i * PAGE_SIZE and on, -1 = absent."""
        return self._tables[kind]

    def require_room(self, num_tokens: int) -> None:
        """Raises RequestError when the context cannot hold so many more tokens."""
        end = self.length + num_tokens
        if end > self.cache.context:
            raise RequestError(
                f"{end} tokens do not fit: the context holds {self.cache.context}; "
                "shorten the prompt or allow fewer new tokens"
            )

    def missing(self, num_tokens: int) -> dict[LayerType, int]:
        """How many pages `reserve` would take, after what it gives back."""
        self._give_back_unseen()
        return {kind: sum(1 for _ in self._absent(kind, num_tokens)) for kind in self._tables}

    def reserve(self, num_tokens: int) -> None:
        """Take the pages that the next tokens will be stored in, and give back the sliding ones that no token sees any
        more; again is harmless.

        Raises RequestError beyond the context, or when the cache is full.
        """
        self.require_room(num_tokens)
        self._give_back_unseen()
        for kind, table in self._tables.items():
            for index in self._absent(kind, num_tokens):
                table[index] = self.cache.pool(kind).take()

    def advance(self, num_tokens: int) -> None:
        """Count tokens as stored."""
        self.length += num_tokens

    def rewind(self, num_tokens: int) -> None:
        """Forget the last tokens, all of them stored since the last `reserve`."""
        assert 0 <= num_tokens <= self.length
        self.length -= num_tokens

    def adopt(
        self, full: Iterable[int], sliding: Iterable[tuple[int, int]], num_tokens: int
    ) -> None:
        """Begin an empty sequence with pages that hold its first tokens; the caller's hold on them becomes this one's.

        full     the pages of positions from 0 on
        sliding  (index, page) of those that the next token sees
        """
        assert self.length == 0
        for index, page in enumerate(full):
            self._tables[LayerType.FULL][index] = page
        for index, page in sliding:
            self._tables[LayerType.SLIDING][index] = page
        self.length = num_tokens
        self._first_page = self.first_seen(num_tokens) // PAGE_SIZE

    def release(self) -> None:
        """Give all pages back; the sequence is empty again."""
        for kind, table in self._tables.items():
            for index in np.flatnonzero(table != _ABSENT):
                self._give_back(kind, int(index))
        self._first_page = 0
        self.length = 0

    def first_seen(self, length: int) -> int:
        """The oldest position that the token after so many sees in sliding layers."""
        return max(0, length - self.cache.window + 1)

    def _absent(self, kind: LayerType, num_tokens: int) -> Iterable[int]:
        table = self._tables[kind]
        pages = range(self.length // PAGE_SIZE, pages_for(self.length + num_tokens))
        return (index for index in pages if table[index] == _ABSENT)

    def _give_back_unseen(self) -> None:
        # Not as soon as tokens are stored: those of a guess may be rewound.
        first = self.first_seen(self.length) // PAGE_SIZE
        for index in range(self._first_page, first):
            self._give_back(LayerType.SLIDING, index)
        self._first_page = max(first, self._first_page)

    def _give_back(self, kind: LayerType, index: int) -> None:
        table = self._tables[kind]
        if table[index] != _ABSENT:
            self.cache.pool(kind).give_back(int(table[index]))
            table[index] = _ABSENT


def bytes_per_token(config: Config, cache_type: CacheType) -> int:
    """Memory that each further token takes: keys and values of the full layers."""
    return page_bytes(config, cache_type, config.layer_types.count(LayerType.FULL)) // PAGE_SIZE
