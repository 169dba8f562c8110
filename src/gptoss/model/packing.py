"""Lays a checkpoint's matrices out for the kernels: MXFP4 experts, and, on request, the others in eight bits.

What GGUF files hold encoded is decoded to bfloat16, but for the embedding: a token reads one row of it, which lies in
the file until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError, RequestError
from gptoss.kernels import (
    GROUP,
    INT8_GROUP_BYTES,
    MXFP4_GROUP_BYTES,
    Bfloat16Bits,
    Bytes,
)
from gptoss.model.config import Config
from gptoss.model.encoded import EncodedExperts, EncodedMatrix
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
    StoredExperts,
    StoredMatrix,
)
from gptoss.model.workspace import Backend

Arrays = Mapping[str, NDArray[Any]]
# Hears of bytes made.
Advance = Callable[[int], object]

# Eight-bit products take scales up to this byte, 2^105 (cpp/kernels/packed_matmul.h); 255 is what the OCP MX
# specification calls NaN.
LARGEST_SCALE = 232
# Rows that are decoded, or rounded to eight bits, at a time.
_ROWS = 64 * GROUP
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
        # Of blocks that have been made, until they are asked for: both are made together.
        self._scales: dict[str, NDArray[Any]] = {}

    @property
    def num_bytes(self) -> int:
        """What all tensors take."""
        return sum(spec.num_bytes for spec in self.specs)

    @property
    def num_resident_bytes(self) -> int:
        """What every token reads, laid out or as the checkpoint stores it; the embedding is not among it."""
        return self.num_bytes + sum(array.nbytes for array in self._read_as_stored())

    def _read_as_stored(self) -> Iterator[NDArray[Any]]:
        for layer in self._weights.layers:
            for experts in (layer.experts.gate_up, layer.experts.down):
                if isinstance(experts, Bf16Experts):
                    yield experts.weight
        if self._weight_type is WeightType.STORED:
            for _, matrix in self._matrices():
                if isinstance(matrix, np.ndarray):
                    yield matrix

    def make(self, name: str) -> Iterator[NDArray[Any]]:
        """One tensor in pieces, in order. Raises CheckpointError for scales or weights that are not finite.

        Scales that are asked for after their blocks, as in the order of `specs`, are not made again.
        """
        prefix, _, kind = name.rpartition(".")
        if kind == "weight":
            yield from self._decode(prefix)
        elif kind == "blocks":
            yield from self._make_blocks(prefix)
        else:
            if prefix not in self._scales:
                for _ in self._make_blocks(prefix):
                    pass
            yield self._scales.pop(prefix)

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
        return replace(
            weights,
            layers=layers,
            head=self._matrix("head", weights.head, arrays),
        )

    def _assemble_layer(self, prefix: str, layer: LayerWeights, arrays: Arrays) -> LayerWeights:
        attention, experts = layer.attention, layer.experts
        qkv, output = attention.qkv, attention.output
        if self._weight_type is WeightType.INT8:
            bias = np.concatenate([linear.bias for linear in qkv])
            qkv = (Linear(_int8(f"{prefix}.qkv", arrays, len(bias)), bias),)
            output = Linear(_int8(f"{prefix}.output", arrays, len(output.bias)), output.bias)
        else:
            qkv = tuple(
                Linear(_decoded(f"{prefix}.qkv{part}", _stored(linear.weight), arrays), linear.bias)
                for part, linear in enumerate(qkv)
            )
            weight = _decoded(f"{prefix}.output", _stored(output.weight), arrays)
            output = Linear(weight, output.bias)
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
            return _decoded(prefix, _stored(stored), arrays)
        return _int8(prefix, arrays, self._config.vocab_size)

    def _matrices(self) -> Iterator[tuple[str, StoredMatrix]]:
        """Head and those of attention, each by its name among the tensors."""
        for index, layer in enumerate(self._weights.layers):
            for part, linear in enumerate(layer.attention.qkv):
                yield f"layer{index}.qkv{part}", _stored(linear.weight)
            yield f"layer{index}.output", _stored(layer.attention.output.weight)
        yield "head", _stored(self._weights.head)

    def _decoded_matrices(self) -> dict[str, EncodedMatrix]:
        """Those that are kept in bfloat16 and that the checkpoint does not hold so."""
        if self._weight_type is WeightType.INT8:
            return {}
        return {name: each for name, each in self._matrices() if isinstance(each, EncodedMatrix)}

    def _specs(self) -> Iterator[TensorSpec]:
        for name, matrix in self._decoded_matrices().items():
            yield TensorSpec(f"{name}.weight", "BF16", matrix.shape)
        for index, layer in enumerate(self._weights.layers):
            if self._weight_type is WeightType.INT8:
                yield from self._int8_specs(f"layer{index}.qkv")
                yield from self._int8_specs(f"layer{index}.output")
            for part, experts in (
                ("gate_up", layer.experts.gate_up),
                ("down", layer.experts.down),
            ):
                if isinstance(experts, Mxfp4Experts | EncodedExperts):
                    count, rows, blocks = experts.shape
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

    def _rows(self, prefix: str) -> list[StoredMatrix]:
        """The stored matrices whose rows one after the other are the matrix of that name."""
        if prefix == "head":
            return [_stored(self._weights.head)]
        layer, _, part = prefix.partition(".")
        attention = self._weights.layers[int(layer.removeprefix("layer"))].attention
        linears = attention.qkv if part == "qkv" else (attention.output,)
        return [_stored(linear.weight) for linear in linears]

    def _decode(self, prefix: str) -> Iterator[NDArray[Any]]:
        matrix = self._decoded_matrices()[prefix]
        for start in range(0, len(matrix), _ROWS):
            yield self._bf16(matrix, slice(start, start + _ROWS))

    def _bf16(self, matrix: StoredMatrix, rows: slice) -> Bfloat16Bits:
        """Some rows as one stretch of memory: where they lie, or in a new array."""
        if not isinstance(matrix, EncodedMatrix):
            return np.ascontiguousarray(matrix[rows])
        num_rows = len(range(*rows.indices(len(matrix))))
        out = np.empty((num_rows, matrix.shape[1]), np.uint16)
        matrix.decode_to(out, rows, self._backend)
        return out

    def _make_blocks(self, prefix: str) -> Iterator[NDArray[Any]]:
        """The blocks in pieces; their scales are kept when all are made."""
        spec = next(spec for spec in self.specs if spec.name == f"{prefix}.scales")
        scales = np.empty(spec.shape, DTYPES[spec.dtype])
        is_int8 = prefix == "head" or prefix.endswith((".qkv", ".output"))
        yield from (self._make_int8 if is_int8 else self._make_mxfp4)(prefix, scales)
        self._scales[prefix] = scales

    def _make_int8(self, prefix: str, scales: Bfloat16Bits) -> Iterator[NDArray[Any]]:
        rows = self._in_one(self._rows(prefix))
        for start in range(0, len(rows), _ROWS):
            piece = self._bf16(rows, slice(start, start + _ROWS))
            if (piece & _BF16_EXPONENT).max() == _BF16_EXPONENT:
                raise CheckpointError(
                    f"{prefix} has weights that are not finite, which eight bits cannot hold; the file is damaged: "
                    "download it again"
                )
            first, num_groups = start // GROUP, -(-len(piece) // GROUP)
            blocks = np.empty((num_groups, scales.shape[1], INT8_GROUP_BYTES), np.uint8)
            self._backend.pack_int8(piece, blocks, scales[first : first + num_groups])
            yield blocks

    def _in_one(self, stored: list[StoredMatrix]) -> StoredMatrix:
        """Matrices of one width, their rows one after the other."""
        if len(stored) == 1:
            return stored[0]
        rows = np.empty((sum(map(len, stored)), stored[0].shape[1]), np.uint16)
        end = 0
        for matrix in stored:
            out = rows[end : end + len(matrix)]
            end += len(matrix)
            if isinstance(matrix, EncodedMatrix):
                matrix.decode_to(out, slice(None), self._backend)
            else:
                out[...] = matrix
        return rows

    def _make_mxfp4(self, prefix: str, scales: Bytes) -> Iterator[NDArray[Any]]:
        layer, _, part = prefix.partition(".")
        experts = self._weights.layers[int(layer.removeprefix("layer"))].experts
        stored = experts.gate_up if part == "gate_up" else experts.down
        assert isinstance(stored, StoredExperts)
        for expert in range(len(scales)):
            out = np.empty((1, *scales.shape[1:3], MXFP4_GROUP_BYTES), np.uint8)
            of_expert = scales[expert : expert + 1]
            self._backend.pack_mxfp4(stored.stored(expert), out, of_expert)
            _require_finite(prefix, expert, of_expert)
            yield out


def _require_finite(prefix: str, expert: int, scales: NDArray[np.uint8]) -> None:
    largest = int(scales.max())
    if largest > LARGEST_SCALE:
        raise CheckpointError(
            f"{prefix} of expert {expert} has a scale of byte {largest}; weights have bytes up to "
            f"{LARGEST_SCALE} (2^105), and 255 is not a number; the file is damaged: download it again"
        )


def _experts(prefix: str, stored: ExpertProjection, arrays: Arrays) -> ExpertProjection:
    if not isinstance(stored, StoredExperts):
        return stored
    return PackedExperts(arrays[f"{prefix}.blocks"], arrays[f"{prefix}.scales"], stored.bias)


def _int8(prefix: str, arrays: Arrays, num_rows: int) -> Int8Matrix:
    return Int8Matrix(arrays[f"{prefix}.blocks"], arrays[f"{prefix}.scales"], num_rows)


def _decoded(prefix: str, stored: StoredMatrix, arrays: Arrays) -> StoredMatrix:
    return arrays[f"{prefix}.weight"] if isinstance(stored, EncodedMatrix) else stored


def _stored(matrix: Matrix) -> StoredMatrix:
    assert not isinstance(matrix, Int8Matrix)
    return matrix
