"""Where the samples of a batch lie, and the rotations of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from gptoss.kernels import Int32
from gptoss.model.rope import RotaryTables


@dataclass(frozen=True)
class Samples:
    """Samples one after the other, each with positions from 0 on.

    starts (samples + 1), the last being the number of tokens; cos, sin (tokens, head_dim / 2).

    Where samples share tokens of a batch, they are laid out whole for attention: `rows` says which token of the batch
    each of theirs is, `own` which of theirs each token of the batch is, where its queries are asked.
    """

    starts: Int32
    cos: Tensor
    sin: Tensor
    rows: Tensor | None = None
    own: Tensor | None = None

    @classmethod
    def of(cls, lengths: Sequence[int], rotary: RotaryTables) -> Samples:
        """Samples of so many tokens each. Raises ValueError for none, and for one without a token."""
        if not lengths or min(lengths) < 1:
            raise ValueError(f"got samples of {list(lengths)} tokens; each must have one at least")
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        positions = np.concatenate([np.arange(length, dtype=np.int64) for length in lengths])
        shape = (len(positions), rotary.num_pairs)
        cos, sin = np.empty(shape, np.float32), np.empty(shape, np.float32)
        rotary.take(positions, cos, sin)
        return cls(starts, torch.from_numpy(cos), torch.from_numpy(sin))

    @classmethod
    def sharing(cls, ranges: Sequence[Sequence[tuple[int, int]]], rotary: RotaryTables) -> Samples:
        """Samples of ranges of a batch's tokens; the last range of each is its own, those before it are others' own."""
        lengths = [sum(end - start for start, end in each) for each in ranges]
        samples = cls.of(lengths, rotary)
        if all(len(each) == 1 for each in ranges):
            return samples
        rows = np.concatenate(
            [np.arange(*part, dtype=np.int64) for each in ranges for part in each]
        )
        own = np.concatenate(
            [
                np.arange(end - (each[-1][1] - each[-1][0]), end, dtype=np.int64)
                for each, end in zip(ranges, samples.starts[1:], strict=True)
            ]
        )
        return replace(samples, rows=torch.from_numpy(rows), own=torch.from_numpy(own))
