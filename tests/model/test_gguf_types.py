"""Whatever types a GGUF file has its matrices in, each is decoded once, to what published decoders make of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type

from gptoss.files.gguf_blocks import decode
from gptoss.files.gguf_types import BlockType
from gptoss.kernels import Backend, Bfloat16Bits, Bytes, Float32
from gptoss.model import encoded
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.encoded import EncodedMatrix
from gptoss.model.layouts import PACKED
from gptoss.model.packed_file import PackedFile
from gptoss.model.packing import Packing, WeightType
from tests.model.gguf_model import packed, write_gguf
from tests.model.random_model import SMALL, RandomModel, open_transformer, random_ids

# Rows of K-quants are multiples of 256.
WIDE = replace(SMALL, hidden_size=256, num_heads=16)
BACKEND = Backend(threads=1)


@pytest.fixture(scope="module")
def model() -> RandomModel:
    return RandomModel.of(WIDE, 5)


class TestTypes:
    @pytest.mark.parametrize(
        "kind", [Type.F32, Type.F16, Type.Q8_0, Type.Q5_1, Type.Q5_0, Type.Q4_1, Type.Q4_0]
    )
    @pytest.mark.parametrize("weights", list(WeightType))
    def test_logits(self, kind: Type, weights: str, model: RandomModel, tmp_path: Path) -> None:
        """Those of a released folder that holds what the types' rounding left of the matrices."""
        path = write_gguf(model, tmp_path / "model.gguf", kind=kind)
        rounded = RandomModel(model.config, dict(model.tensors))
        for key, values in model.tensors.items():
            if key[0] in ("embedding", "head") or (
                key[0].endswith(".weight") and key[0] != "router.weight"
            ):
                rounded.tensors[key] = _rounded(values, kind)
        folder = rounded.write(tmp_path / "released", PACKED)
        ids = random_ids(WIDE, 20)
        np.testing.assert_array_equal(
            open_transformer(path, "bf16", BACKEND, weights).logits(ids),
            open_transformer(folder, "bf16", BACKEND, weights).logits(ids),
        )

    @pytest.mark.parametrize("kind", [Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.Q2_K, Type.Q3_K])
    def test_quants_without_a_quantiser(
        self, kind: Type, model: RandomModel, tmp_path: Path
    ) -> None:
        """Any bytes are some values: those of embedding and head are what the published decoder makes of them."""
        names = ("token_embd.weight", "output.weight")
        block, size = gguf.GGML_QUANT_SIZES[kind]
        random = np.random.default_rng(1)
        stored = random.integers(0, 60, (WIDE.vocab_size, size * WIDE.hidden_size // block))
        stored = stored.astype(np.uint8)
        path = write_gguf(
            model,
            tmp_path / "model.gguf",
            tensors=lambda found: [found.pop(name) for name in names],
            metadata=lambda writer: [
                writer.add_tensor(name, stored, raw_dtype=kind) for name in names
            ],
        )
        wanted = _bf16(gguf.dequantize(stored, kind))
        np.testing.assert_array_equal(packed(path)["head.weight"], wanted)
        embedding = open_checkpoint(path).weights.embedding
        assert isinstance(embedding, EncodedMatrix)
        rows, ids = np.empty((3, WIDE.hidden_size), np.uint16), np.array([7, 0, 7])
        embedding.decode_to(rows, ids, BACKEND)
        np.testing.assert_array_equal(rows, wanted[ids])

    @pytest.mark.parametrize("vectors", [Type.F16, Type.BF16])
    def test_vectors(self, vectors: Type, model: RandomModel, tmp_path: Path) -> None:
        path = write_gguf(model, tmp_path / "model.gguf", vectors=vectors)
        got = open_checkpoint(path).weights.layers[1].experts.down.bias
        wanted = open_checkpoint(model.write(tmp_path / "released", PACKED))
        wanted_bias = wanted.weights.layers[1].experts.down.bias
        np.testing.assert_allclose(got, wanted_bias, rtol=2**-11 if vectors == Type.F16 else 0)

    def test_packed_file(self, model: RandomModel, tmp_path: Path) -> None:
        """Decoded matrices lie in the cache file, and come back as they were made."""
        path = write_gguf(model, tmp_path / "model.gguf", kind=Type.Q8_0)
        checkpoint = open_checkpoint(path)
        for weight_type in WeightType:
            packing = Packing(checkpoint.config, checkpoint.weights, weight_type, BACKEND)
            file = PackedFile(tmp_path / "cache", checkpoint, weight_type)
            assert file.open(packing) is None
            file.write(packing, lambda _: None)
            found, wanted = file.open(packing), packing.in_memory()
            assert found is not None
            assert ("layer0.qkv2.weight" in found) == (weight_type is WeightType.STORED)
            assert all(np.array_equal(array, found[name]) for name, array in wanted.items())
            made = sum(array.nbytes for array in wanted.values())
            assert packing.num_resident_bytes == made

    @pytest.mark.parametrize("kind", [Type.Q8_0, Type.Q5_1])
    @pytest.mark.parametrize("weights", list(WeightType))
    def test_each_block_is_decoded_once(
        self,
        kind: Type,
        weights: WeightType,
        model: RandomModel,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """By a kernel or in NumPy; and the embedding not at all."""
        decoded = []

        class Counting(Backend):
            def q8_0_to_bf16(self, blocks: Bytes, out: Bfloat16Bits) -> None:
                decoded.append(blocks.nbytes)
                super().q8_0_to_bf16(blocks, out)

        def counting(kind: BlockType, rows: Bytes) -> Float32:
            decoded.append(rows.nbytes)
            return decode(kind, rows)

        path = write_gguf(model, tmp_path / "model.gguf", kind=kind)
        checkpoint = open_checkpoint(path)
        monkeypatch.setattr(encoded, "decode", counting)
        backend = Counting(threads=1)
        Packing(checkpoint.config, checkpoint.weights, weights, backend).in_memory()
        matrices = [checkpoint.weights.head] + [
            linear.weight
            for layer in checkpoint.weights.layers
            for linear in (*layer.attention.qkv, layer.attention.output)
        ]
        assert sum(decoded) == sum(
            matrix.rows.nbytes for matrix in matrices if isinstance(matrix, EncodedMatrix)
        )

    def test_scales_without_their_blocks(self, model: RandomModel, tmp_path: Path) -> None:
        checkpoint = open_checkpoint(write_gguf(model, tmp_path / "model.gguf", kind=Type.Q8_0))
        packing = Packing(checkpoint.config, checkpoint.weights, WeightType.INT8, BACKEND)
        wanted = packing.in_memory()
        for name in ("head.scales", "layer1.qkv.scales", "layer0.down.scales"):
            (scales,) = packing.make(name)
            np.testing.assert_array_equal(scales, wanted[name])


def _rounded(bits: np.ndarray[Any, Any], kind: Type) -> np.ndarray[Any, Any]:
    values = (bits.astype(np.uint32) << 16).view(np.float32)
    stored = gguf.quantize(values, kind)
    return _bf16(stored if stored.dtype == np.float32 else gguf.dequantize(stored, kind))


def _bf16(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    stored = gguf.quantize(values.astype(np.float32), Type.BF16)
    return stored.view(np.uint16)
