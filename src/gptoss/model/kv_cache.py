"""Keys and values of past tokens, in pages that sequences take and give back.

Full layers keep every position, so a sequence's pages there grow with it. Sliding layers need the
last window only: pages that have left it are given back at once, so a sequence of any length holds
a few there. Both kinds of layers have a pool of their own, in which one page serves all layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import RequestError
from gptoss.kernels import Int32
from gptoss.model.config import Config, LayerType
from gptoss.model.precision import Precision

# Tokens a page. Small enough that a short chat wastes little, large enough that the kernel, which
# goes page by page, spends its time on keys.
PAGE_SIZE = 32
# Tokens that one step may add to a sequence.
MAX_CHUNK = 1024

_ABSENT = -1


class PagePool:
    """The pages of all layers of one kind.

    `pages` (layers, num_pages, 2, kv_heads, page_size * head_dim): keys, then values, as the kernels
    lay them out. The memory is
    the system's until a page is first written; the page freed last is taken first, so that the
    pages in use stay few.
    """

    def __init__(self, pages: NDArray[Any]) -> None:
        self.pages = pages
        self._free = list(range(pages.shape[1] - 1, -1, -1))

    @property
    def num_free(self) -> int:
        """Pages that can be taken."""
        return len(self._free)

    def take(self) -> int:
        """A free page. Raises RequestError when there is none."""
        if not self._free:
            raise RequestError(
                f"the KV cache is full: all {self.pages.shape[1]} pages are in use; "
                "end a sequence, or give the cache more tokens"
            )
        return self._free.pop()

    def give_back(self, page: int) -> None:
        """Return a page that was taken."""
        self._free.append(page)


class KVCache:
    """The page pools of a model, for so many sequences with so many tokens in all.

    `max_tokens` counts the positions that full layers can hold (None: the model's context), over
    all of `max_sequences` sequences.
    """

    def __init__(
        self,
        config: Config,
        precision: Precision,
        *,
        max_tokens: int | None = None,
        max_sequences: int = 1,
    ) -> None:
        if max_tokens is None:
            max_tokens = config.max_positions
        if max_tokens < 1 or max_sequences < 1:
            raise RequestError(
                f"got a KV cache of {max_tokens} tokens for {max_sequences} sequences; "
                "wanted at least one of each"
            )
        self.context = min(max_tokens, config.max_positions)
        self.window = config.sliding_window
        # Every sequence may leave its last page part empty.
        full_pages = pages_for(min(max_tokens, self.context * max_sequences)) + max_sequences - 1
        # A chunk sees the window before its first token, at any offset into a page.
        sliding_pages = pages_for(self.window - 1 + MAX_CHUNK) + 1
        sliding_pages = min(sliding_pages, pages_for(self.context)) * max_sequences
        self._pools = {
            kind: PagePool(
                np.empty(
                    (
                        config.layer_types.count(kind),
                        num_pages,
                        2,
                        config.num_kv_heads,
                        PAGE_SIZE * config.head_dim,
                    ),
                    precision.dtype,
                )
            )
            for kind, num_pages in (
                (LayerType.FULL, full_pages),
                (LayerType.SLIDING, sliding_pages),
            )
        }

    def pool(self, kind: LayerType) -> PagePool:
        """The pool of one kind of layers."""
        return self._pools[kind]

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

    def reserve(self, num_tokens: int) -> None:
        """Take the pages that the next tokens will be stored in; again is harmless.

        Raises RequestError beyond the context, or when the cache is full.
        """
        self.require_room(num_tokens)
        end = self.length + num_tokens
        for kind, table in self._tables.items():
            for index in range(self.length // PAGE_SIZE, pages_for(end)):
                if table[index] == _ABSENT:
                    table[index] = self.cache.pool(kind).take()

    def advance(self, num_tokens: int) -> None:
        """Count tokens as stored, and give back the sliding pages that no later token sees."""
        given_back = self._first_seen() // PAGE_SIZE
        self.length += num_tokens
        for index in range(given_back, self._first_seen() // PAGE_SIZE):
            self._give_back(LayerType.SLIDING, index)

    def release(self) -> None:
        """Give all pages back; the sequence is empty again."""
        for kind, table in self._tables.items():
            for index in np.flatnonzero(table != _ABSENT):
                self._give_back(kind, int(index))
        self.length = 0

    def _first_seen(self) -> int:
        """The oldest position that the next token sees in sliding layers."""
        return max(0, self.length - self.cache.window + 1)

    def _give_back(self, kind: LayerType, index: int) -> None:
        table = self._tables[kind]
        if table[index] != _ABSENT:
            self.cache.pool(kind).give_back(int(table[index]))
            table[index] = _ABSENT


def pages_for(num_tokens: int) -> int:
    """Pages that so many tokens take from the first slot on."""
    return -(-num_tokens // PAGE_SIZE)


def bytes_per_token(config: Config, precision: Precision) -> int:
    """Memory that each further token takes: keys and values of the full layers."""
    full = config.layer_types.count(LayerType.FULL)
    return 2 * full * config.num_kv_heads * config.head_dim * precision.dtype.itemsize
