"""The tokens of one step, and what every layer needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gptoss.errors import RequestError
from gptoss.kernels import Float32, Int32, Int64
from gptoss.model.config import Config, LayerType
from gptoss.model.kv_cache import MAX_CHUNK, SequenceCache, pages_for
from gptoss.model.rope import RotaryTables


@dataclass(frozen=True)
class Batch:
    """New tokens of some sequences; each sequence's are together, in order, MAX_CHUNK at most.

    token_ids, positions and sequence_index (tokens), the last an index into `sequences`;
    wanted (any): the rows of these whose logits are wanted.
    """

    token_ids: Int64
    positions: Int64
    sequence_index: Int32
    sequences: tuple[SequenceCache, ...]
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
            wanted=np.cumsum(lengths) - 1 if wanted is None else np.asarray(wanted, np.int64),
        )

    def num_tokens(self, sequence: int) -> int:
        """New tokens of one sequence, by its index."""
        return int(np.count_nonzero(self.sequence_index == sequence))


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
    def of(cls, batch: Batch, rotary: RotaryTables) -> Step:
        """Reserve the batch's pages and gather the rest.

        Raises RequestError when a sequence does not fit.
        """
        for index, sequence in enumerate(batch.sequences):
            sequence.reserve(batch.num_tokens(index))
        max_pages = pages_for(int(batch.positions.max()) + 1)
        cos, sin = rotary.at(batch.positions)
        places = {kind: _places(batch, kind, max_pages) for kind in LayerType}
        return cls(batch.positions, batch.sequence_index, cos, sin, places)


def _places(batch: Batch, kind: LayerType, max_pages: int) -> Places:
    tables = np.stack([sequence.page_table(kind)[:max_pages] for sequence in batch.sequences])
    slots = np.empty(len(batch.positions), np.int64)
    for index, sequence in enumerate(batch.sequences):
        mine = batch.sequence_index == index
        slots[mine] = sequence.slots(kind, batch.positions[mine])
    return Places(tables, slots)


def check_token_ids(token_ids: ArrayLike, config: Config) -> Int64:
    """Token ids as an array (tokens).

    Raises RequestError for none, for what are no whole numbers, and for ids beyond the vocabulary.
    """
    ids = np.asarray(token_ids)
    if ids.ndim != 1 or not ids.size:
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
