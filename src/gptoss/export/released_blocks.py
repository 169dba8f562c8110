"""MXFP4 blocks of experts in the order in which they were released, whatever order their file has."""

from __future__ import annotations

import numpy as np

from gptoss.files.gguf_blocks import pairs_of_halves
from gptoss.kernels import Bytes, StoredMxfp4
from gptoss.model.layouts import BLOCK_BYTES

_BLOCK = np.dtype((np.void, BLOCK_BYTES))
# Brought into order at a time: what fits into a core's cache with what is made of it on the way.
_BYTES = 1 << 16


def released_blocks(stored: StoredMxfp4) -> Bytes:
    """(out, in / 32, 16) of one expert: where they lie, or in a new array where the file has another order."""
    if len(stored.blocks) == 1 and stored.is_paired and stored.blocks[0].flags.c_contiguous:
        whole: Bytes = stored.blocks[0][0]
        return whole
    _, rows, blocks, _ = stored.blocks[0].shape
    num_parts = len(stored.blocks)
    out = np.empty((rows * num_parts, blocks, BLOCK_BYTES), np.uint8)
    step = max(1, _BYTES // (blocks * BLOCK_BYTES))
    for number, part in enumerate(stored.blocks):
        in_turn = out[number::num_parts]
        for start in range(0, rows, step):
            piece = slice(start, start + step)
            # Sixteen bytes at once are copied faster than each of them.
            found = part[0, piece].view(_BLOCK).copy().view(np.uint8)
            in_turn[piece] = found if stored.is_paired else pairs_of_halves(found)
    return out


def released_scales(stored: StoredMxfp4) -> Bytes:
    """(out, in / 32) of one expert, in the order of its rows."""
    if len(stored.scales) == 1:
        whole: Bytes = stored.scales[0][0]
        return whole
    _, rows, blocks = stored.scales[0].shape
    num_parts = len(stored.scales)
    out = np.empty((rows * num_parts, blocks), np.uint8)
    for number, part in enumerate(stored.scales):
        out[number::num_parts] = part[0]
    return out
