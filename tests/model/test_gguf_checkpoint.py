"""A GGUF file and the safetensors of the same model become the same weights, whatever the dialect and the types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss.errors import CheckpointError, ConfigError, GptossError
from gptoss.files.gguf import GgufFile
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import Config
from gptoss.model.layouts import PACKED
from gptoss.model.packing import WeightType
from tests.files.mutations import mutated
from tests.levels import examples
from tests.model.gguf_model import DIALECTS, packed, write_gguf
from tests.model.random_model import SMALL, RandomModel, open_transformer, random_config, random_ids

MODEL = RandomModel.of(SMALL, 0)
# Rows of K-quants are multiples of 256.
WIDE = replace(SMALL, hidden_size=256, num_heads=16)
BACKEND = Backend(threads=1)


def refusal(path: Path) -> str:
    """The message of the error, which must be one short line that names the file."""
    with pytest.raises(GptossError) as caught:
        open_checkpoint(path)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    assert str(path.parent) in message
    return message


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MODEL.write(tmp_path_factory.mktemp("released"), PACKED)


class TestDialects:
    @pytest.mark.parametrize("name", DIALECTS)
    def test_same_weights(self, name: str, folder: Path, tmp_path: Path) -> None:
        """Bit for bit: the small model's other matrices are bfloat16 in both files."""
        path = write_gguf(MODEL, tmp_path / "model.gguf", DIALECTS[name])
        checkpoint = open_checkpoint(path)
        assert checkpoint.config == SMALL
        assert name.split(",")[0] in checkpoint.layout.title
        for weights in WeightType:
            wanted, got = packed(folder, weights), packed(path, weights)
            assert wanted.keys() == got.keys()
            for tensor, array in wanted.items():
                np.testing.assert_array_equal(got[tensor], array, err_msg=tensor)
        ids = random_ids(SMALL, 30)
        for precision in ("float32", "int8"):
            logits = open_transformer(path, precision, BACKEND).logits(ids)
            wanted_logits = open_transformer(folder, precision, BACKEND).logits(ids)
            np.testing.assert_array_equal(logits, wanted_logits)

    @pytest.mark.wide(4)
    @pytest.mark.parametrize("seed", range(8))
    def test_random_shapes(self, seed: int, tmp_path: Path) -> None:
        config = replace(random_config(seed), swiglu_limit=7.0)
        model = RandomModel.of(config, seed)
        folder = model.write(tmp_path / "released", PACKED)
        path = write_gguf(model, tmp_path / "model.gguf")
        assert open_checkpoint(path).config == config
        ids = random_ids(config, 20)
        np.testing.assert_array_equal(
            open_transformer(path, "bf16", BACKEND).logits(ids),
            open_transformer(folder, "bf16", BACKEND).logits(ids),
        )

    def test_matrices_in_bfloat16_stay_in_the_file(self, tmp_path: Path) -> None:
        checkpoint = open_checkpoint(write_gguf(MODEL, tmp_path / "model.gguf"))
        head = checkpoint.weights.head
        assert isinstance(head, np.ndarray)
        assert not head.flags.owndata
        assert not head.flags.writeable

    def test_several_files(self, tmp_path: Path) -> None:
        """Whichever of them is named."""
        whole = write_gguf(MODEL, tmp_path / "whole.gguf")
        write_gguf(MODEL, tmp_path / "m.gguf", split_max_tensors=15)
        parts = sorted(tmp_path.glob("m-*.gguf"))
        assert len(parts) > 2
        wanted = packed(whole)
        for part in parts:
            got = packed(part)
            assert all(np.array_equal(array, got[name]) for name, array in wanted.items())

    def test_any_name(self, tmp_path: Path) -> None:
        """Ollama's files are called by their hash."""
        path = write_gguf(MODEL, tmp_path / "model.gguf")
        blob = path.rename(tmp_path / "sha256-e7b273f9")
        assert open_checkpoint(blob).config == SMALL


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda w: w.add_architecture(), "wanted 'gpt-oss' or 'gptoss'"),
            (lambda w: w.add_uint32("gpt-oss.vocab_size", 97), "vocab_size = 97, wanted 96"),
            (lambda w: w.add_uint32("gpt-oss.attention.value_length", 32), "value_length = 32"),
            (lambda w: w.add_uint32("gpt-oss.rope.dimension_count", 8), "dimension_count = 8"),
            (lambda w: w.add_uint32("gpt-oss.block_count", 3), "tensors are missing (blk.2."),
            (lambda w: w.add_uint32("gpt-oss.block_count", 1), "are unexpected (blk.1."),
            (lambda w: w.add_uint32("gpt-oss.block_count", 2**32 - 1), "from 1 to 4096"),
            (lambda w: w.add_uint32("gpt-oss.embedding_length", 96), "by the metadata"),
            (lambda w: w.add_uint32("gpt-oss.embedding_length", 65), "a multiple of 32"),
            (lambda w: w.add_uint32("gpt-oss.attention.head_count", 8), "attn_q.weight is"),
            (lambda w: w.add_uint32("gpt-oss.attention.head_count", 3), "a multiple of"),
            (lambda w: w.add_uint32("gpt-oss.attention.head_count_kv", 4), "attn_k.weight is"),
            (lambda w: w.add_uint32("gpt-oss.expert_count", 8), "ffn_gate_inp.weight is"),
            (lambda w: w.add_uint32("gpt-oss.expert_used_count", 5), "at most 4"),
            (lambda w: w.add_uint32("gpt-oss.expert_feed_forward_length", 64), "_exps.weight is"),
            (lambda w: w.add_array("gpt-oss.attention.head_count", [4, 4]), "a list"),
            (lambda w: w.add_string("gpt-oss.context_length", "512"), "context_length = '512'"),
            (lambda w: w.add_float32("gpt-oss.rope.freq_base", float("nan")), "freq_base = nan"),
            (lambda w: w.add_float32("gpt-oss.rope.freq_base_swa", 1e4), "freq_base_swa"),
            (lambda w: w.add_string("gpt-oss.rope.scaling.type", "linear"), "wanted 'yarn'"),
            (lambda w: w.add_float32("gpt-oss.rope.scaling.attn_factor", 2.0), "attn_factor = 2.0"),
            (lambda w: w.add_float32("gpt-oss.rope.scaling.alpha", 2.0), "got alpha = 2.0"),
            (lambda w: w.add_uint32("gpt-oss.attention.sliding_window_pattern", 4), "pattern = 4"),
            (
                lambda w: w.add_array("gpt-oss.attention.sliding_window_pattern", [False, True]),
                "every other layer",
            ),
            (lambda w: w.add_uint32("tokenizer.ggml.eos_token_id", 96), "from 0 to 95"),
            (lambda w: w.add_array("tokenizer.ggml.tokens", ["x"] * 97), "of 97 tokens"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_metadata(
        self, change: Callable[[gguf.GGUFWriter], object], reason: str, tmp_path: Path
    ) -> None:
        def replacing(writer: gguf.GGUFWriter) -> None:
            other = gguf.GGUFWriter(None, "llama")
            other.kv_data[0].clear()
            change(other)
            writer.kv_data[0].update(other.kv_data[0])

        assert reason in refusal(write_gguf(MODEL, tmp_path / "model.gguf", metadata=replacing))

    @pytest.mark.parametrize(
        "key",
        [
            *("context_length", "embedding_length", "block_count", "attention.head_count"),
            *("attention.head_count_kv", "attention.key_length", "expert_count"),
            *("attention.layer_norm_rms_epsilon", "attention.sliding_window", "rope.freq_base"),
            *("rope.scaling.factor", "rope.scaling.original_context_length", "expert_used_count"),
        ],
    )
    def test_what_is_left_out(self, key: str, tmp_path: Path) -> None:
        path = write_gguf(MODEL, tmp_path / "model.gguf", without=f"gpt-oss.{key}")
        assert f"no '{key.removeprefix('rope.scaling.')}'" in refusal(path)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda found: found.pop("token_embd.weight"), "lacks the tensor token_embd.weight"),
            (lambda found: found.pop("output.weight"), "missing (output.weight)"),
            (lambda found: found.pop("blk.1.attn_sinks.weight"), "(blk.1.attn_sinks.weight)"),
            (lambda found: found.update(x=np.zeros(3, np.float32)), "are unexpected (x)"),
            (
                lambda found: found.update({"blk.0.attn_qkv.bias": np.zeros(3, np.float32)}),
                "are unexpected (blk.0.attn_qkv.bias)",
            ),
            (
                lambda found: found.update({"output_norm.weight": np.zeros(32, np.float32)}),
                "output_norm.weight is [32], wanted [64]",
            ),
            (
                lambda found: found.update(
                    {"blk.0.ffn_down_exps.weight": np.zeros((4, 64, 32), np.float32)}
                ),
                "ffn_down_exps.weight is F32, wanted MXFP4",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_tensors(
        self, change: Callable[[dict[str, Any]], object], reason: str, tmp_path: Path
    ) -> None:
        assert reason in refusal(write_gguf(MODEL, tmp_path / "model.gguf", tensors=change))

    @pytest.mark.parametrize("kind", [Type.Q8_0, Type.Q4_0, Type.Q4_K, Type.BF16])
    def test_experts_of_another_type(self, kind: Type, tmp_path: Path) -> None:
        """As fine-tunes have them that were quantised anew."""
        name = "blk.1.ffn_up_exps.weight"
        block, size = gguf.GGML_QUANT_SIZES[kind]
        shape = (4, WIDE.intermediate_size, WIDE.hidden_size // block * size)
        path = write_gguf(
            RandomModel.of(WIDE, 5),
            tmp_path / "model.gguf",
            tensors=lambda found: found.pop(name),
            metadata=lambda writer: writer.add_tensor(
                name, np.zeros(shape, np.uint8), raw_dtype=kind
            ),
        )
        message = refusal(path)
        assert f"tensor {name} is {kind.name}, wanted MXFP4" in message
        assert "get a file whose experts were left in MXFP4" in message

    def test_types_that_are_not_decoded(self, tmp_path: Path) -> None:
        path = write_gguf(
            MODEL,
            tmp_path / "model.gguf",
            tensors=lambda found: found.pop("output.weight"),
            metadata=lambda writer: writer.add_tensor(
                "output.weight", np.zeros((96, 64), np.int8), raw_dtype=Type.I8
            ),
        )
        assert "tensor output.weight is I8, wanted floats, Q2_K to Q8_0" in refusal(path)

    def test_both_orders_of_nibbles(self, tmp_path: Path) -> None:
        path = write_gguf(MODEL, tmp_path / "model.gguf")
        content = bytearray(path.read_bytes())
        # The type stands behind the name, the number of dimensions and three sizes.
        name = b"blk.1.ffn_up_exps.weight"
        at = content.index(name) + len(name) + 4 + 3 * 8
        assert content[at] == Type.MXFP4
        content[at] = 4
        path.write_bytes(content)
        assert "has experts in MXFP4 and in MXFP4 in pairs, wanted one" in refusal(path)

    def test_folders_of_them(self, tmp_path: Path) -> None:
        write_gguf(MODEL, tmp_path / "model.gguf")
        assert f"name the one that you want, such as {tmp_path / 'model.gguf'}" in refusal(tmp_path)

    def test_scales_that_are_no_numbers(self, tmp_path: Path) -> None:
        damaged = RandomModel(MODEL.config, {k: v.copy() for k, v in MODEL.tensors.items()})
        damaged.tensors["gate_up.scales", 1][2, 7, 0] = 255
        path = write_gguf(damaged, tmp_path / "model.gguf")
        with pytest.raises(CheckpointError, match="expert 2 has a scale of byte 255"):
            packed(path)


class TestMetadata:
    def config(self, tmp_path: Path, change: Callable[[gguf.GGUFWriter], object]) -> Config:
        return open_checkpoint(write_gguf(MODEL, tmp_path / "model.gguf", metadata=change)).config

    def test_what_llama_cpp_may_say_besides(self, tmp_path: Path) -> None:
        def change(writer: gguf.GGUFWriter) -> None:
            writer.add_rope_dimension_count(16)
            writer.add_rope_scaling_finetuned(True)
            writer.add_rope_scaling_yarn_beta_fast(24.0)
            writer.add_rope_scaling_yarn_beta_slow(2.0)
            writer.add_rope_scaling_yarn_ext_factor(1.0)
            writer.add_sliding_window_pattern([True, False])

        rope = self.config(tmp_path, change).rope
        assert (rope.beta_fast, rope.beta_slow) == (24.0, 2.0)

    def test_stop_ids(self, tmp_path: Path) -> None:
        def change(writer: gguf.GGUFWriter) -> None:
            writer.add_eos_token_id(7)
            writer.add_array("tokenizer.ggml.eos_token_ids", [9, 7, 3])

        assert self.config(tmp_path, change).eos_token_ids == (7, 9, 3)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, int]]:
    """Whole files by dialect, and where their headers end."""
    folder = tmp_path_factory.mktemp("sound")
    paths = {
        name: write_gguf(MODEL, folder / f"{number}.gguf", dialect, kind=Type.Q8_0)
        for number, (name, dialect) in enumerate(DIALECTS.items())
    }
    return {name: (path.read_bytes(), len(GgufFile(path).header)) for name, path in paths.items()}


@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(sorted(DIALECTS)), in_header=st.booleans())
def test_any_damage(
    data: st.DataObject,
    name: str,
    in_header: bool,
    sound: dict[str, tuple[bytes, int]],
    tmp_path: Path,
) -> None:
    """A clean error, or a model that packs or is refused when it does."""
    content, end = sound[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(data.draw(mutated(content, end if in_header else None)))
    try:
        for weights in WeightType:
            packed(path, weights)
    except (CheckpointError, ConfigError) as error:
        refused = str(error)
    else:
        refused = ""
    assert refused.isprintable()
