"""Sequences of different lengths as batches without much padding."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class TrainingSequence:
    """Token ids, and for each whether predicting it counts."""

    token_ids: list[int]
    is_learnt: list[bool]


@dataclass(frozen=True, slots=True)
class Batch:
    """token_ids (sequences, tokens) int64; is_learnt of the same shape: the loss counts these as targets."""

    token_ids: Tensor
    is_learnt: Tensor


def collate(sequences: list[TrainingSequence], pad_id: int) -> Batch:
    """Pad to the longest; padding carries no loss."""
    longest = max(len(sequence.token_ids) for sequence in sequences)
    token_ids = torch.full((len(sequences), longest), pad_id)
    is_learnt = torch.zeros((len(sequences), longest), dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        length = len(sequence.token_ids)
        token_ids[row, :length] = torch.tensor(sequence.token_ids)
        is_learnt[row, :length] = torch.tensor(sequence.is_learnt)
    return Batch(token_ids, is_learnt)


def batches(
    draw: Callable[[], TrainingSequence],
    *,
    rng: random.Random,
    tokens_per_batch: int,
    pad_id: int,
    pool_size: int = 1024,
) -> Iterator[Batch]:
    """Endless batches of about `tokens_per_batch` tokens; each holds sequences of nearly one length.

    A pool is drawn, sorted by length, cut, and its batches are returned in random order.
    """
    while True:
        pool = sorted((draw() for _ in range(pool_size)), key=lambda s: len(s.token_ids))
        cut: list[list[TrainingSequence]] = [[]]
        for sequence in pool:
            if (len(cut[-1]) + 1) * len(sequence.token_ids) > tokens_per_batch and cut[-1]:
                cut.append([])
            cut[-1].append(sequence)
        rng.shuffle(cut)
        for sequences in cut:
            yield collate(sequences, pad_id)
