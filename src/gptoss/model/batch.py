"""The tokens of one step, and what every layer needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gptoss.errors import RequestError, shown
from gptoss.kernels import Float32, Int32, Int64
from gptoss.model.config import Config, LayerType
from gptoss.model.kv_cache import MAX_CHUNK, SequenceCache
from gptoss.model.page_pool import PAGE_SIZE, pages_for
from gptoss.model.rope import RotaryTables


@dataclass(frozen=True)
class Batch:
    """New tokens of some sequences; each sequence's are together, in order, MAX_CHUNK at most.

    token_ids, positions and sequence_index (tokens), the last an index into `sequences`;
    num_tokens: how many of them each sequence has;
    wanted (any): the rows of these whose logits are wanted.
    """

    token_ids: Int64
    positions: Int64
    sequence_index: Int32
    sequences: tuple[SequenceCache, ...]
    num_tokens: tuple[int, ...]
    wanted: Int64

    @classmethod
    def of(
        cls,
        chunks: Sequence[tuple[SequenceCache, Int64]],
        wanted: ArrayLike | None = None,
    ) -> Batch:
        """The next token ids of each sequence; wanted: by default the last row of each."""
        lengths = [len(ids) for _, ids in chunks]
        if not lengths or not all(1 <= length <= MAX_CHUNK for length in lengths):
            raise RequestError(f"got chunks of {lengths} tokens; wanted 1 to {MAX_CHUNK} in each")
        positions = [
            np.arange(sequence.length, sequence.length + len(ids), dtype=np.int64)
            for sequence, ids in chunks
        ]
        return cls(
            token_ids=np.concatenate([ids for _, ids in chunks]),
            positions=np.concatenate(positions),
            sequence_index=np.repeat(np.arange(len(chunks), dtype=np.int32), lengths),
            sequences=tuple(sequence for sequence, _ in chunks),
            num_tokens=tuple(lengths),
            wanted=np.cumsum(lengths) - 1 if wanted is None else np.asarray(wanted, np.int64),
        )

    @property
    def max_pages(self) -> int:
        """Entries of a page table that reaches every position."""
        return pages_for(int(self.positions.max()) + 1)

    def reserve(self) -> None:
        """Take the pages that the tokens will be stored in. Raises RequestError when a sequence does not fit."""
        for sequence, count in zip(self.sequences, self.num_tokens, strict=True):
            sequence.reserve(count)

    def advance(self) -> None:
        """Count the tokens as stored."""
        for sequence, count in zip(self.sequences, self.num_tokens, strict=True):
            sequence.advance(count)


@dataclass(frozen=True)
class Places:
    """Where the pools of one kind of layers have the tokens of a step.

    page_table (sequences, max_pages); slots (tokens) of the new tokens.
    """

    page_table: Int32
    slots: Int64


@dataclass(frozen=True)
class Step:
    """What the layers share in one step: cos, sin (tokens, head_dim / 2) and places by kind."""

    positions: Int64
    sequence_index: Int32
    cos: Float32
    sin: Float32
    places: Mapping[LayerType, Places]

    @classmethod
    def empty(cls, num_tokens: int, num_sequences: int, max_pages: int, head_dim: int) -> Step:
        """Arrays of this size, content undefined."""
        places = {
            kind: Places(
                np.empty((num_sequences, max_pages), np.int32), np.empty(num_tokens, np.int64)
            )
            for kind in LayerType
        }
        cos, sin = (np.empty((num_tokens, head_dim // 2), np.float32) for _ in range(2))
        positions, index = np.empty(num_tokens, np.int64), np.empty(num_tokens, np.int32)
        return cls(positions, index, cos, sin, places)

    def fill(self, batch: Batch, rotary: RotaryTables) -> None:
        """Gather what belongs to a batch of this size, whose pages are reserved."""
        self.positions[...] = batch.positions
        self.sequence_index[...] = batch.sequence_index
        rotary.take(batch.positions, self.cos, self.sin)
        page, offset = np.divmod(batch.positions, PAGE_SIZE)
        for kind, places in self.places.items():
            reached = batch.max_pages
            for row, sequence in zip(places.page_table, batch.sequences, strict=True):
                row[:reached] = sequence.page_table(kind)[:reached]
            pages = places.page_table[batch.sequence_index, page]
            places.slots[...] = pages.astype(np.int64) * PAGE_SIZE + offset


def check_token_ids(token_ids: ArrayLike, config: Config) -> Int64:
    """Token ids as an array (tokens).

    Raises RequestError for none, for what are no whole numbers, and for ids beyond the vocabulary.
    """
    try:
        ids = np.asarray(token_ids)
    except ValueError:
        ids = np.empty((0, 0))
    if ids.ndim != 1:
        raise RequestError(f"got {shown(token_ids)} as token ids; wanted one list of them")
    if not ids.size:
        raise RequestError("got no token ids; wanted at least one")
    if ids.dtype.kind not in "iu":
        raise RequestError(f"got token ids of type {ids.dtype}; wanted whole numbers")
    outside = np.flatnonzero((ids < 0) | (ids >= config.vocab_size))
    if outside.size:
        first = int(outside[0])
        raise RequestError(
            f"got token id {ids[first]} at position {first}; wanted 0 to {config.vocab_size - 1}: "
            "encode with this model's tokenizer"
        )
    return ids.astype(np.int64)
