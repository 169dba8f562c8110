"""The values of an opened checkpoint's tensors, by part and layer, in pieces: one view of every layout.

Matrices come as bfloat16 bits, blocks of experts as they were released. Nothing larger than one expert's matrix is made
in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError
from gptoss.export.released_blocks import released_blocks, released_scales
from gptoss.kernels import Bfloat16Bits, Bytes, Float32
from gptoss.model.config import Config
from gptoss.model.encoded import EncodedExperts, EncodedMatrix
from gptoss.model.mxfp4 import LARGEST_SCALE, pack_exactly, unpack_rows
from gptoss.model.weights import (
    Bf16Experts,
    ExpertProjection,
    Int8Matrix,
    LayerWeights,
    Linear,
    Matrix,
    ModelWeights,
    Mxfp4Experts,
    PackedExperts,
    StoredMatrix,
)

# The values of a tensor, whose kind of description depends on the form, in C-contiguous pieces.
Values = Callable[[Any], Iterable[NDArray[Any]]]

# Of a matrix at a time.
_VALUES = 1 << 22


class Parts:
    """What `gptoss.model.layouts` names, of weights as checkpoints store them."""

    def __init__(self, config: Config, weights: ModelWeights) -> None:
        self._weights = weights
        query, kv = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        ends = (0, query, query + kv, query + 2 * kv)
        self._rows = dict(zip(("query", "key", "value"), map(slice, ends, ends[1:]), strict=True))

    def vector(self, part: str, layer: int | None) -> Float32:
        """A norm, a bias or sinks, in float32, which loses nothing of any layout."""
        if layer is None:
            return self._weights.norm
        weights = self._weights.layers[layer]
        if part.endswith(("norm", "sinks")):
            place = weights.experts if part == "experts.norm" else weights.attention
            values: Float32 = getattr(place, part.rpartition(".")[2])
            return values
        name = part.removesuffix(".bias")
        if name in ("gate", "up"):
            return weights.experts.gate_up.bias[:, int(name == "up") :: 2]
        if name in ("gate_up", "down"):
            return self._experts(name, layer).bias
        return np.concatenate([linear.bias[rows] for linear, rows in self._linears(name, weights)])

    def matrix(self, part: str, layer: int | None) -> Iterator[Bfloat16Bits]:
        """An embedding, a head, or the matrix of attention or of a router, some rows at a time."""
        if layer is None:
            found = self._weights.embedding if part == "embedding" else self._weights.head
            yield from _pieces(_stored(found), slice(None))
            return
        for linear, rows in self._linears(
            part.removesuffix(".weight"), self._weights.layers[layer]
        ):
            yield from _pieces(_stored(linear.weight), rows)

    def blocks(self, name: str, layer: int) -> Iterator[tuple[Bytes, Bytes]]:
        """The MXFP4 blocks (out, in / 32, 16) and scales (out, in / 32) of `gate_up` or `down`, expert by expert.

        Raises CheckpointError for experts in bfloat16 that MXFP4 cannot say.
        """
        experts = self._experts(name, layer)
        if isinstance(experts, Bf16Experts):
            for expert, weight in enumerate(experts.weight):
                try:
                    yield pack_exactly(np.ascontiguousarray(weight.T))
                except ValueError as error:
                    raise CheckpointError(
                        f"layer {layer}, {name} of expert {expert} was not made of MXFP4: {error}; "
                        "wanted the form bf16, which loses nothing"
                    ) from None
            return
        stored = _in_blocks(experts)
        for expert in range(stored.shape[0]):
            one = stored.stored(expert)
            yield released_blocks(one), released_scales(one)

    def scales(self, name: str, layer: int) -> Iterator[Bytes]:
        """The scales of `blocks` alone."""
        experts = self._experts(name, layer)
        if isinstance(experts, Bf16Experts):
            yield from (scales for _, scales in self.blocks(name, layer))
        else:
            stored = _in_blocks(experts)
            for expert in range(stored.shape[0]):
                yield released_scales(stored.stored(expert))

    def by_input(self, name: str, layer: int) -> Iterator[Bfloat16Bits]:
        """The matrices (in, out) of `gate_up` or `down`, expert by expert.

        Raises CheckpointError for scales with which values are beyond bfloat16.
        """
        experts = self._experts(name, layer)
        if isinstance(experts, Bf16Experts):
            yield from experts.weight
            return
        for expert, (blocks, scales) in enumerate(self.blocks(name, layer)):
            if scales.size and scales.max() > LARGEST_SCALE:
                raise CheckpointError(
                    f"layer {layer}, {name} of expert {expert} has the scale {scales.max()}, wanted at most "
                    f"{LARGEST_SCALE}: beyond, values do not fit into bfloat16; the weights are damaged"
                )
            yield np.ascontiguousarray(unpack_rows(blocks, scales).T)

    def encodings(self) -> list[str]:
        """The names of the types, other than bfloat16, in which matrices are stored that are written in it."""
        attention = [layer.attention for layer in self._weights.layers]
        linears = [linear for each in attention for linear in (*each.qkv, each.output)]
        matrices = [self._weights.embedding, self._weights.head, *(each.weight for each in linears)]
        return sorted({each.kind.name for each in matrices if isinstance(each, EncodedMatrix)})

    def _experts(self, name: str, layer: int) -> ExpertProjection:
        experts = self._weights.layers[layer].experts
        return experts.gate_up if name == "gate_up" else experts.down

    def _linears(self, name: str, weights: LayerWeights) -> list[tuple[Linear, slice]]:
        """The projections that one is made of, and which of their rows."""
        if name == "router":
            return [(weights.experts.router, slice(None))]
        if name == "output":
            return [(weights.attention.output, slice(None))]
        found = weights.attention.qkv
        if name == "qkv":
            return [(linear, slice(None)) for linear in found]
        if len(found) == 1:
            return [(found[0], self._rows[name])]
        return [(found[list(self._rows).index(name)], slice(None))]


def _pieces(matrix: StoredMatrix, rows: slice) -> Iterator[Bfloat16Bits]:
    start, stop, _ = rows.indices(len(matrix))
    step = max(1, _VALUES // matrix.shape[1])
    for at in range(start, stop, step):
        yield matrix[at : min(at + step, stop)]


def _stored(matrix: Matrix) -> StoredMatrix:
    if isinstance(matrix, Int8Matrix):
        raise TypeError(
            "weights that were laid out for the kernels are not those of the checkpoint"
        )
    return matrix


def _in_blocks(experts: ExpertProjection) -> Mxfp4Experts | EncodedExperts:
    if isinstance(experts, Bf16Experts | PackedExperts):
        raise TypeError(
            "weights that were laid out for the kernels are not those of the checkpoint"
        )
    return experts
