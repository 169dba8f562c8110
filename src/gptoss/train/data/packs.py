"""Samples -> packs of about one length: samples that begin alike share their beginning, and none sees another."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from gptoss.train.data.samples import Sample

# A shorter beginning is computed again: each piece is an attention of its own.
_FEWEST_SHARED = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring tokens of a pack that belong to one sample, or to several that begin with them.

    start, end  in the pack
    context     begin and end of what comes before them, in their order: they see that, and each other
    """

    start: int
    end: int
    context: tuple[tuple[int, int], ...] = ()

    @property
    def position(self) -> int:
        """The position of its first token in its samples."""
        return sum(end - start for start, end in self.context)


@dataclass(frozen=True, slots=True)
class Pack:
    """What one forward pass computes.

    token_ids  (tokens,) int32
    positions  (tokens,) int32, of each in its sample
    pieces     that the tokens are made of, in their order
    sources    (targets,) int64: tokens of the pack from whose hidden state a token is predicted. One may have several
    targets    (targets,) int32, token ids
    weights    (targets,) float32
    kinds      (targets,) uint8, of the targets
    """

    token_ids: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    pieces: tuple[Piece, ...]
    sources: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.token_ids)


def packed(samples: Sequence[Sample], length: int, *, shares: bool = True) -> list[Pack]:
    """All samples in packs of at most `length` tokens, the longest first, each where the least room is left.

    shares  samples of one row have their common beginning once

    No sample may be longer than a pack.
    """
    trees = list(_trees(samples, length, shares=shares))
    order = sorted(range(len(trees)), key=lambda index: (-trees[index].size, index))
    bins: list[list[_Tree]] = []
    # Tokens that are left in a bin, and which one; sorted.
    room: list[tuple[int, int]] = []
    for index in order:
        tree = trees[index]
        at = bisect.bisect_left(room, (tree.size, -1))
        if at < len(room):
            left, place = room.pop(at)
        else:
            left, place = length, len(bins)
            bins.append([])
        bins[place].append(tree)
        bisect.insort(room, (left - tree.size, place))
    return [_pack(each) for each in bins]


class _Tree:
    """Samples that share beginnings. `size`: tokens, each shared one once."""

    def __init__(self) -> None:
        self.samples: list[tuple[Sample, int]] = []
        self.size = 0

    def shared_with(self, sample: Sample) -> int:
        """How many first tokens it has in common with the last sample.

        Turns come in their order, and each begins like the one before it, up to its chain of thought: no earlier one
        has more in common.
        """
        shared = _common(self.samples[-1][0], sample) if self.samples else 0
        return shared if shared >= _FEWEST_SHARED else 0

    def add(self, sample: Sample, shared: int) -> None:
        self.samples.append((sample, shared))
        self.size += len(sample) - shared


def _trees(samples: Iterable[Sample], length: int, *, shares: bool) -> Iterator[_Tree]:
    """Samples of one row in as few trees as a pack's length allows."""
    for _, of_row in groupby(samples, key=lambda sample: sample.row):
        tree = _Tree()
        for sample in of_row:
            shared = tree.shared_with(sample) if shares else 0
            if tree.samples and (shared == 0 or tree.size + len(sample) - shared > length):
                yield tree
                tree, shared = _Tree(), 0
            tree.add(sample, shared)
        yield tree


def _common(one: Sample, other: Sample) -> int:
    """Tokens that both begin with, but for the last one: what a sample learns from is always its own."""
    length = min(len(one), len(other)) - 1
    differs = np.flatnonzero(one.token_ids[:length] != other.token_ids[:length])
    return int(differs[0]) if len(differs) else max(length, 0)


def _pack(trees: Sequence[_Tree]) -> Pack:
    writer = _Writer()
    for tree in trees:
        path: tuple[tuple[int, int], ...] = ()
        for sample, shared in tree.samples:
            path = writer.add(sample, _first(path, shared))
    return writer.pack()


def _first(ranges: Iterable[tuple[int, int]], count: int) -> tuple[tuple[int, int], ...]:
    """The ranges of the first so many tokens."""
    found = []
    for start, end in ranges:
        if count == 0:
            break
        taken = min(count, end - start)
        found.append((start, start + taken))
        count -= taken
    return tuple(found)


class _Writer:
    """Puts samples behind each other."""

    def __init__(self) -> None:
        self._size = 0
        self._pieces: list[Piece] = []
        self._ids: list[npt.NDArray[np.int32]] = []
        self._sources: list[npt.NDArray[np.int64]] = []
        self._learnt: list[tuple[Sample, npt.NDArray[np.intp]]] = []

    def add(
        self, sample: Sample, context: tuple[tuple[int, int], ...]
    ) -> tuple[tuple[int, int], ...]:
        """Add what the context lacks, and return where the whole sample is."""
        own = len(sample) - sum(end - start for start, end in context)
        piece = Piece(self._size, self._size + own, context)
        self._pieces.append(piece)
        self._ids.append(sample.token_ids[piece.position :])
        self._size = piece.end
        path = (*context, (piece.start, piece.end))
        places = np.concatenate([np.arange(start, end, dtype=np.int64) for start, end in path])
        # The first token is predicted from nothing.
        learnt = 1 + np.flatnonzero(sample.weights[1:] > 0)
        self._sources.append(places[learnt - 1])
        self._learnt.append((sample, learnt))
        return path

    def pack(self) -> Pack:
        positions = [
            np.arange(p.position, p.position + p.end - p.start, dtype=np.int32)
            for p in self._pieces
        ]
        return Pack(
            np.concatenate(self._ids),
            np.concatenate(positions),
            tuple(self._pieces),
            np.concatenate(self._sources),
            np.concatenate([sample.token_ids[at] for sample, at in self._learnt]),
            np.concatenate([sample.weights[at] for sample, at in self._learnt]),
            np.concatenate([sample.kinds[at] for sample, at in self._learnt]),
        )
