"""What imports of others read of an exported folder, such as Bedrock's: names, index, config keys, tokenizer files.

Nothing of ours judges here but the names of tensors, which are those that transformers' own model has.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from gptoss.export.exporting import Export
from gptoss.export.forms import Form
from gptoss.export.parts import Parts
from gptoss.model import shards
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.layouts import ORIGINAL
from tests.export.conftest import LICENCE, TEMPLATE, Sources, content, exported
from tests.model.random_model import SMALL, RandomModel

REQUIRED = {
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "LICENSE",
}
CONFIG_KEYS = {
    "architectures",
    "attention_bias",
    "attention_dropout",
    "eos_token_id",
    "experts_per_token",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "initial_context_length",
    "initializer_range",
    "intermediate_size",
    "layer_types",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_experts_per_tok",
    "num_hidden_layers",
    "num_key_value_heads",
    "num_local_experts",
    "output_router_logits",
    "pad_token_id",
    "rms_norm_eps",
    "rope_scaling",
    "rope_theta",
    "router_aux_loss_coef",
    "sliding_window",
    "swiglu_limit",
    "tie_word_embeddings",
    "torch_dtype",
    "use_cache",
    "vocab_size",
}


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.fixture(params=["mxfp4", "bf16"])
def folder(
    request: pytest.FixtureRequest,
    source: Sources,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Small files, so that there are several."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 40_000)
    return exported(source("packed"), tmp_path / request.param, request.param)


def test_files(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    files = sorted(name for name in names if name.endswith(".safetensors"))
    assert names - set(files) == REQUIRED
    count = len(files)
    assert count > 3
    assert files == [f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)]
    assert (folder / "LICENSE").read_text() == LICENCE
    assert (folder / "chat_template.jinja").read_text() == TEMPLATE


def test_index(folder: Path) -> None:
    index = read(folder / "model.safetensors.index.json")
    found: dict[str, str] = {}
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "np") as file:
            assert file.metadata() == {"format": "pt"}
            for name in file.keys():  # noqa: SIM118
                found[name] = path.name
                part = file.get_slice(name)
                width = {"BF16": 2, "U8": 1}[part.get_dtype()]
                total += int(np.prod(part.get_shape())) * width
    assert index == {"metadata": {"total_size": total}, "weight_map": found}


def test_config(folder: Path, model: RandomModel) -> None:
    config = read(folder / "config.json")
    assert config.keys() - {"quantization_config"} == CONFIG_KEYS
    assert config["architectures"] == ["GptOssForCausalLM"]
    assert config["model_type"] == "gpt_oss"
    assert (config["eos_token_id"], config["pad_token_id"]) == (260, 259)
    assert len(config["layer_types"]) == config["num_hidden_layers"] == model.config.num_layers
    if folder.name == "mxfp4":
        assert config["quantization_config"] == {
            "quant_method": "mxfp4",
            "modules_to_not_convert": [
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head",
            ],
        }
    else:
        assert "quantization_config" not in config
    generation = read(folder / "generation_config.json")
    assert generation == {
        "bos_token_id": 258,
        "pad_token_id": 259,
        "eos_token_id": [260, 259, 265],
        "do_sample": True,
        "temperature": 1.0,
        "top_p": 1.0,
    }


def test_tokenizer_files(folder: Path, source: Sources) -> None:
    names = ("tokenizer.json", "tokenizer_config.json")
    for name in names:
        assert (folder / name).read_bytes() == (source("packed") / name).read_bytes()
    assert read(folder / "special_tokens_map.json") == {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|return|>",
        "pad_token": "<|endoftext|>",
    }


def test_original(source: Sources, model: RandomModel, tmp_path: Path) -> None:
    out = exported(source("packed"), tmp_path / "out", "original")
    inner = out / "original"
    assert {path.name for path in inner.iterdir()} == {
        "config.json",
        "dtypes.json",
        "model.safetensors",
    }
    with safe_open(inner / "model.safetensors", "np") as file:
        names = set(file.keys())
    assert names == set(model.named(ORIGINAL))
    dtypes = read(inner / "dtypes.json")
    assert dtypes.keys() == names
    for name, dtype in dtypes.items():
        wanted = {"blocks": "FP4", "scales": "UE8"}.get(name.rpartition(".")[2], "BF16")
        assert dtype == wanted


def test_stop_ids_that_the_source_lacks(source: Sources, tmp_path: Path) -> None:
    """Early downloads lack that of a call; others that a fine-tune has stay."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in content(source("packed")).items():
        (folder / Path(name).name).write_bytes(data)
    config = read(folder / "config.json") | {"eos_token_id": [260, 259, 263]}
    (folder / "config.json").write_text(json.dumps(config))
    planned = Export.plan("x", open_checkpoint(folder), tmp_path / "out", Form.MXFP4)
    assert planned.notes == (
        "the source does not say that the tokens 265 end a turn; it is written",
    )
    planned.write()
    generation = read(tmp_path / "out" / "generation_config.json")
    assert generation["eos_token_id"] == [260, 259, 265, 263]


def test_no_piece_is_larger_than_an_expert(source: Sources) -> None:
    """Memory is that of one piece, however large the model is."""
    config = replace(SMALL, vocab_size=150_000)
    large = RandomModel.of(config, 0)
    assert large.tensors["embedding", None].size > 2 * (1 << 22)
    packed = open_checkpoint(source("packed"))
    weights = replace(packed.weights, embedding=large.tensors["embedding", None])
    parts = Parts(config, weights)
    pieces = list(parts.matrix("embedding", None))
    assert max(piece.nbytes for piece in pieces) <= 2 * (1 << 22)
    np.testing.assert_array_equal(np.concatenate(pieces), large.tensors["embedding", None])
    for piece in parts.by_input("gate_up", 0):
        assert piece.shape == (SMALL.hidden_size, 2 * SMALL.intermediate_size)
