"""What is exported as GGUF, as the published package reads it."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type

from gptoss import nano
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.mxfp4 import unpack
from tests.export.conftest import SPECIALS, TEMPLATE, Sources, exported
from tests.model.gguf_model import write_gguf
from tests.model.random_model import RandomModel

EXPERTS = ("ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight")


@pytest.fixture(scope="module")
def reader(source: Sources, tmp_path_factory: pytest.TempPathFactory) -> gguf.GGUFReader:
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    return gguf.GGUFReader(exported(source("packed"), path, "gguf"))


def test_names_are_those_of_the_architecture(reader: gguf.GGUFReader, model: RandomModel) -> None:
    kinds = gguf.MODEL_TENSORS[gguf.MODEL_ARCH.GPT_OSS]
    known = {
        gguf.TENSOR_NAMES[kind].format(bid=layer)
        for kind in kinds
        for layer in range(model.config.num_layers)
    }
    names = [tensor.name for tensor in reader.tensors]
    assert {name.rpartition(".")[0] for name in names} <= known
    assert len(names) == len(set(names)) == 3 + 19 * model.config.num_layers


def test_types_are_those_of_the_published_converter(reader: gguf.GGUFReader) -> None:
    """But for matrices other than the experts', which stay as they are."""
    for tensor in reader.tensors:
        if tensor.name.endswith(EXPERTS):
            wanted = Type.MXFP4
        elif tensor.name.endswith((".bias", "norm.weight", "sinks.weight", "gate_inp.weight")):
            wanted = Type.F32
        else:
            wanted = Type.BF16
        assert tensor.tensor_type == wanted, tensor.name


def test_values(reader: gguf.GGUFReader, model: RandomModel) -> None:
    found = {
        tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors
    }
    np.testing.assert_array_equal(
        found["token_embd.weight"], bf16_to_float32(model.tensors["embedding", None])
    )
    for layer in range(model.config.num_layers):
        both = unpack(
            model.tensors["gate_up.blocks", layer], model.tensors["gate_up.scales", layer]
        )
        np.testing.assert_array_equal(found[f"blk.{layer}.ffn_gate_exps.weight"], both[:, ::2])
        np.testing.assert_array_equal(found[f"blk.{layer}.ffn_up_exps.weight"], both[:, 1::2])
        bias = bf16_to_float32(model.tensors["gate_up.bias", layer])
        np.testing.assert_array_equal(found[f"blk.{layer}.ffn_up_exps.bias"], bias[:, 1::2])


def test_all_tensors_of_the_published_writer(
    reader: gguf.GGUFReader, model: RandomModel, tmp_path: Path
) -> None:
    other = gguf.GGUFReader(write_gguf(model, tmp_path / "other.gguf"))
    found = {tensor.name: tensor for tensor in reader.tensors}
    for tensor in other.tensors:
        ours = found.pop(tensor.name)
        assert ours.shape.tolist() == tensor.shape.tolist()
        # It writes routers as it is told to write matrices.
        values = [gguf.dequantize(each.data, each.tensor_type) for each in (ours, tensor)]
        np.testing.assert_array_equal(*values, err_msg=tensor.name)
    assert not found


def test_metadata(reader: gguf.GGUFReader, model: RandomModel) -> None:
    fields = {name: field.contents() for name, field in reader.fields.items()}
    config = model.config
    wanted = {
        "general.architecture": "gpt-oss",
        "general.type": "model",
        "general.name": "model",
        "general.file_type": int(gguf.LlamaFileType.MOSTLY_MXFP4_MOE),
        "general.quantization_version": gguf.GGML_QUANT_VERSION,
        "gpt-oss.block_count": config.num_layers,
        "gpt-oss.context_length": config.max_positions,
        "gpt-oss.embedding_length": config.hidden_size,
        "gpt-oss.expert_feed_forward_length": config.intermediate_size,
        "gpt-oss.expert_count": config.num_experts,
        "gpt-oss.expert_used_count": config.experts_per_token,
        "gpt-oss.attention.head_count": config.num_heads,
        "gpt-oss.attention.head_count_kv": config.num_kv_heads,
        "gpt-oss.attention.sliding_window": config.sliding_window,
        "gpt-oss.rope.scaling.type": "yarn",
        "gpt-oss.rope.scaling.factor": config.rope.factor,
        "gpt-oss.rope.scaling.original_context_length": config.rope.original_context,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-4o",
        "tokenizer.ggml.bos_token_id": 258,
        "tokenizer.ggml.eos_token_id": 260,
        "tokenizer.ggml.padding_token_id": 259,
        "tokenizer.ggml.eos_token_ids": [260, 259, 265],
        "tokenizer.chat_template": TEMPLATE,
    }
    assert {name: fields[name] for name in wanted} == wanted
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    assert len(tokens) == len(kinds) == config.vocab_size
    assert tokens[258:266] == [f"<|{name}|>" for name in SPECIALS]
    assert kinds[258:267] == [gguf.TokenType.CONTROL] * 8 + [gguf.TokenType.UNUSED]
    assert fields["tokenizer.ggml.merges"] == ["a b", "ab c"]


def test_nano_is_named_and_read_alone(tmp_path: Path) -> None:
    """Nothing beside the file is needed."""
    out = exported(nano.checkpoint_path(), tmp_path / "nano.gguf", "gguf")
    assert list(tmp_path.iterdir()) == [out]
    assert open_checkpoint(out).config.eos_token_ids == (1017, 1016, 1023)
