"""Pages of keys and values, held by sequences and by the prefix cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import RequestError
from gptoss.model.config import Config
from gptoss.model.precision import CacheType

# Tokens a page. Small enough that a short chat wastes little, large enough that the kernel, which
# goes page by page, spends its time on keys.
PAGE_SIZE = 32


class PagePool:
    """The pages of all layers of one kind, counted by who holds them.

    `pages` (layers, num_pages, 2, kv_heads, bytes or values of a page): keys, then values, as the kernels lay them out.
    The memory is the system's until a page is first written; the page freed last is taken first, so that the pages in
    use stay few.
    """

    def __init__(self, pages: NDArray[Any]) -> None:
        self.pages = pages
        self._free = list(range(pages.shape[1] - 1, -1, -1))
        self._holders = [0] * pages.shape[1]

    @property
    def num_pages(self) -> int:
        """Pages in all."""
        return len(self._holders)

    @property
    def num_free(self) -> int:
        """Pages that can be taken."""
        return len(self._free)

    def take(self) -> int:
        """A free page, held once. Raises RequestError when there is none."""
        if not self._free:
            raise RequestError(
                f"the KV cache is full: all {self.num_pages} pages are in use; "
                "end a sequence, or give the cache more tokens"
            )
        page = self._free.pop()
        self._holders[page] = 1
        return page

    def hold(self, page: int) -> None:
        """Hold a page that is in use once more."""
        assert self._holders[page] > 0, "a free page was held"
        self._holders[page] += 1

    def num_holders(self, page: int) -> int:
        """How often a page is held; 0: it is free."""
        return self._holders[page]

    def give_back(self, page: int) -> None:
        """Hold a page once less; the last holder's page becomes free."""
        assert self._holders[page] > 0, "a page was given back twice"
        self._holders[page] -= 1
        if not self._holders[page]:
            self._free.append(page)

    def copy(self, page: int) -> int:
        """A page of one's own with the same content. Raises RequestError when there is none."""
        own = self.take()
        self.pages[:, own] = self.pages[:, page]
        return own


def pages_for(num_tokens: int) -> int:
    """Pages that so many tokens take from the first slot on."""
    return -(-num_tokens // PAGE_SIZE)


def new_pages(
    config: Config, cache_type: CacheType, num_layers: int, num_pages: int
) -> NDArray[Any]:
    """Pages of so many layers as the kernels take them, content undefined."""
    width = PAGE_SIZE * cache_type.row_width(config.head_dim)
    return np.empty((num_layers, num_pages, 2, config.num_kv_heads, width), cache_type.dtype)


def page_bytes(config: Config, cache_type: CacheType, num_layers: int) -> int:
    """Memory of one page of so many layers."""
    return new_pages(config, cache_type, num_layers, 1).nbytes
