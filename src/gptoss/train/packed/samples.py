"""Where the samples of a batch lie, and the rotations of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gptoss.kernels import Int32
from gptoss.model.rope import RotaryTables


@dataclass(frozen=True)
class Samples:
    """Samples one after the other, each with positions from 0 on.

    starts (samples + 1), the last being the number of tokens; cos, sin (tokens, head_dim / 2).
    """

    starts: Int32
    cos: Tensor
    sin: Tensor

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
