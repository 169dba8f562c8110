"""Lays a checkpoint's matrices out for the kernels: MXFP4 experts, and, on request, the others in eight bits.

The embedding stays as stored in both: a token reads one row of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError, RequestError
from gptoss.kernels import GROUP, INT8_GROUP_BYTES, MXFP4_GROUP_BYTES
from gptoss.model.config import Config
from gptoss.model.layouts import BLOCK_VALUES
from gptoss.model.safetensors import DTYPES, TensorSpec
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
)
from gptoss.model.workspace import Backend

Arrays = Mapping[str, NDArray[Any]]
# Hears of bytes made.
Advance = Callable[[int], object]

# Eight-bit products take scales up to this byte, 2^105 (cpp/kernels/packed_matmul.h); 255 is what the OCP MX
# specification calls NaN.
_LARGEST_SCALE = 232
# All of its bits are set in infinities and in what is not a number.
_BF16_EXPONENT = np.uint16(0x7F80)


def _ignore(_: int) -> None:
    pass


class WeightType(StrEnum):
    """How attention and head are kept: as the checkpoint stores them, or rounded to eight bits."""

    STORED = "stored"
    INT8 = "int8"

    @classmethod
    def parse(cls, name: str) -> WeightType:
        """The kind of that name. Raises RequestError for another."""
        try:
            return cls(name)
        except ValueError:
            raise RequestError(f"got weights {name!r}; wanted one of {', '.join(cls)}") from None


class Packing:
    """What has to be laid out of a checkpoint: its tensors, what makes them, and the model that they become part of."""

    def __init__(
        self, config: Config, weights: ModelWeights, weight_type: WeightType, backend: Backend
    ) -> None:
        self._config = config
        self._weights = weights
        self._weight_type = weight_type
        self._backend = backend
        self.specs = tuple(self._specs())

    @property
    def num_bytes(self) -> int:
        """What all tensors take."""
        return sum(spec.num_bytes for spec in self.specs)

    @property
    def num_stored_bytes(self) -> int:
        """What the matrices take that are read as the checkpoint stores them; the embedding is none of them."""
        found: list[NDArray[Any]] = []
        for layer in self._weights.layers:
            if self._weight_type is WeightType.STORED:
                linears = (*layer.attention.qkv, layer.attention.output)
                found += [_stored(linear.weight) for linear in linears]
            found += [
                experts.weight
                for experts in (layer.experts.gate_up, layer.experts.down)
                if isinstance(experts, Bf16Experts)
            ]
        if self._weight_type is WeightType.STORED:
            found.append(_stored(self._weights.head))
        return sum(array.nbytes for array in found)

    def make(self, name: str) -> Iterator[NDArray[Any]]:
        """One tensor in pieces, in order. Raises CheckpointError for scales or weights that are not finite."""
        prefix, _, kind = name.rpartition(".")
        if prefix == "head" or prefix.endswith((".qkv", ".output")):
            yield from self._make_int8(prefix, kind)
        else:
            yield from self._make_mxfp4(prefix, kind)

    def in_memory(self, advance: Advance = _ignore) -> Arrays:
        """All tensors in new arrays; `advance` hears of bytes made."""
        arrays = {}
        for spec in self.specs:
            array = np.empty(spec.shape, DTYPES[spec.dtype])
            flat, begin = array.reshape(-1), 0
            for piece in self.make(spec.name):
                flat[begin : begin + piece.size] = piece.reshape(-1)
                begin += piece.size
                advance(piece.nbytes)
            arrays[spec.name] = array
        return arrays

    def assemble(self, arrays: Arrays) -> ModelWeights:
        """The checkpoint's weights, with the tensors of `specs` in place of what they were made of."""
        weights = self._weights
        layers = tuple(
            self._assemble_layer(f"layer{index}", layer, arrays)
            for index, layer in enumerate(weights.layers)
        )
        return replace(weights, layers=layers, head=self._matrix("head", weights.head, arrays))

    def _assemble_layer(self, prefix: str, layer: LayerWeights, arrays: Arrays) -> LayerWeights:
        attention, experts = layer.attention, layer.experts
        qkv, output = attention.qkv, attention.output
        if self._weight_type is WeightType.INT8:
            bias = np.concatenate([linear.bias for linear in qkv])
            qkv = (Linear(_int8(f"{prefix}.qkv", arrays, len(bias)), bias),)
            output = Linear(_int8(f"{prefix}.output", arrays, len(output.bias)), output.bias)
        return LayerWeights(
            replace(attention, qkv=qkv, output=output),
            replace(
                experts,
                gate_up=_experts(f"{prefix}.gate_up", experts.gate_up, arrays),
                down=_experts(f"{prefix}.down", experts.down, arrays),
            ),
        )

    def _matrix(self, prefix: str, stored: Matrix, arrays: Arrays) -> Matrix:
        if self._weight_type is WeightType.STORED:
            return stored
        return _int8(prefix, arrays, self._config.vocab_size)

    def _specs(self) -> Iterator[TensorSpec]:
        for index, layer in enumerate(self._weights.layers):
            if self._weight_type is WeightType.INT8:
                yield from self._int8_specs(f"layer{index}.qkv")
                yield from self._int8_specs(f"layer{index}.output")
            for part, experts in (
                ("gate_up", layer.experts.gate_up),
                ("down", layer.experts.down),
            ):
                if isinstance(experts, Mxfp4Experts):
                    count, rows, blocks = experts.scales.shape
                    shape = (count, rows // GROUP, blocks)
                    prefix = f"layer{index}.{part}"
                    yield TensorSpec(f"{prefix}.blocks", "U8", (*shape, MXFP4_GROUP_BYTES))
                    yield TensorSpec(f"{prefix}.scales", "U8", (*shape, GROUP))
        if self._weight_type is WeightType.INT8:
            yield from self._int8_specs("head")

    def _int8_specs(self, prefix: str) -> Iterator[TensorSpec]:
        stored = self._rows(prefix)
        groups = -(-sum(map(len, stored)) // GROUP)
        shape = (groups, stored[0].shape[1] // BLOCK_VALUES)
        yield TensorSpec(f"{prefix}.blocks", "U8", (*shape, INT8_GROUP_BYTES))
        yield TensorSpec(f"{prefix}.scales", "BF16", (*shape, GROUP))

    def _rows(self, prefix: str) -> list[NDArray[np.uint16]]:
        """The stored matrices, bfloat16 bits, whose rows one after the other are the matrix of that name."""
        if prefix == "head":
            return [_stored(self._weights.head)]
        layer, _, part = prefix.partition(".")
        attention = self._weights.layers[int(layer.removeprefix("layer"))].attention
        linears = attention.qkv if part == "qkv" else (attention.output,)
        return [_stored(linear.weight) for linear in linears]

    def _make_int8(self, prefix: str, kind: str) -> Iterator[NDArray[Any]]:
        stored = self._rows(prefix)
        rows = np.concatenate(stored) if len(stored) > 1 else stored[0]
        step = 256 * GROUP
        for start in range(0, len(rows), step):
            piece = np.ascontiguousarray(rows[start : start + step])
            if kind == "blocks" and (piece & _BF16_EXPONENT == _BF16_EXPONENT).any():
                raise CheckpointError(
                    f"{prefix} has weights that are not finite, which eight bits cannot hold; the file is damaged: "
                    "download it again"
                )
            shape = (-(-len(piece) // GROUP), piece.shape[1] // BLOCK_VALUES)
            blocks = np.empty((*shape, INT8_GROUP_BYTES), np.uint8)
            scales = np.empty((*shape, GROUP), np.uint16)
            self._backend.pack_int8(piece, blocks, scales)
            yield blocks if kind == "blocks" else scales

    def _make_mxfp4(self, prefix: str, kind: str) -> Iterator[NDArray[Any]]:
        layer, _, part = prefix.partition(".")
        experts = self._weights.layers[int(layer.removeprefix("layer"))].experts
        stored = experts.gate_up if part == "gate_up" else experts.down
        assert isinstance(stored, Mxfp4Experts)
        count, rows, num_blocks = stored.scales.shape
        shape = (rows // GROUP, num_blocks)
        for expert in range(count):
            if kind == "scales":
                # Scales alone need not read the blocks again.
                groups = stored.scales[expert].reshape(rows // GROUP, GROUP, num_blocks)
                largest = int(groups.max())
                if largest > _LARGEST_SCALE:
                    raise CheckpointError(
                        f"{prefix} of expert {expert} has a scale of byte {largest}; weights have bytes up to "
                        f"{_LARGEST_SCALE} (2^105), and 255 is not a number; the file is damaged: download it again"
                    )
                yield np.ascontiguousarray(groups.transpose(0, 2, 1))
            else:
                blocks = np.empty((1, *shape, MXFP4_GROUP_BYTES), np.uint8)
                scales = np.empty((1, *shape, GROUP), np.uint8)
                one = slice(expert, expert + 1)
                self._backend.pack_mxfp4(stored.blocks[one], stored.scales[one], blocks, scales)
                yield blocks


def _experts(prefix: str, stored: ExpertProjection, arrays: Arrays) -> ExpertProjection:
    if not isinstance(stored, Mxfp4Experts):
        return stored
    return PackedExperts(arrays[f"{prefix}.blocks"], arrays[f"{prefix}.scales"], stored.bias)


def _int8(prefix: str, arrays: Arrays, num_rows: int) -> Int8Matrix:
    return Int8Matrix(arrays[f"{prefix}.blocks"], arrays[f"{prefix}.scales"], num_rows)


def _stored(matrix: Matrix) -> NDArray[np.uint16]:
    assert not isinstance(matrix, Int8Matrix)
    return matrix
