"""Adapters in PEFT's files, read and written, with PEFT itself as the judge; and all that makes one unusable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GptOssConfig, GptOssForCausalLM

from gptoss.errors import CheckpointError
from gptoss.model.adapter.lora import Adapter, ExpertLora, LayerAdapter, Lora
from gptoss.model.adapter.peft_files import read_adapter, write_adapter
from gptoss.model.config import Config, RopeConfig, alternating_layers

pytestmark = pytest.mark.torch

# As wide inside as outside: shapes alone tell the two apart.
HIDDEN, INNER, EXPERTS, HEADS, KV_HEADS, HEAD = 32, 32, 3, 2, 1, 16
CONFIG = Config(
    vocab_size=40,
    hidden_size=HIDDEN,
    intermediate_size=INNER,
    num_experts=EXPERTS,
    experts_per_token=2,
    num_heads=HEADS,
    num_kv_heads=KV_HEADS,
    head_dim=HEAD,
    sliding_window=8,
    layer_types=alternating_layers(2),
    max_positions=64,
    rope=RopeConfig(
        theta=150000.0, factor=32.0, beta_slow=1.0, beta_fast=32.0, original_context=64
    ),
    swiglu_limit=7.0,
    rms_norm_eps=1e-5,
    eos_token_ids=(),
)
OF_ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
OF_EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
Named = dict[str, Tensor]


def _base() -> Any:
    torch.manual_seed(1)
    config = GptOssConfig(
        vocab_size=40,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        head_dim=HEAD,
        num_local_experts=EXPERTS,
        num_experts_per_tok=2,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
    )
    model: Any = GptOssForCausalLM(config)
    return model.eval()


def _saved(folder: Path, **settings: Any) -> tuple[Named, Named]:
    """An adapter of PEFT with random matrices; the base's parameters, and the same with the adapter merged in."""
    base = _base()
    before = {name: value.detach().clone() for name, value in base.named_parameters()}
    wanted = {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": OF_ATTENTION,
        "target_parameters": OF_EXPERTS,
        **settings,
    }
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **wanted))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(str(folder))
    merged = model.merge_and_unload()
    return before, {name: value.detach() for name, value in merged.named_parameters()}


def _changes(adapter: Adapter) -> dict[str, np.ndarray]:
    """What is added to each parameter, as transformers holds it."""
    found: dict[str, Any] = {}
    for name, lora in adapter.matrices():
        if isinstance(lora, Lora):
            found[f"model.{name}.weight"] = lora.scale * lora.b @ lora.a
        else:
            # Held in-features first.
            found[f"model.{name}"] = lora.scale * (lora.b @ lora.a).transpose(0, 2, 1)
    return found


PEFTS: dict[str, dict[str, Any]] = {
    "all": {},
    "attention": {"target_parameters": None},
    "experts": {"target_modules": []},
    "the other order": {"target_parameters": OF_EXPERTS[::-1]},
    "down alone": {"target_parameters": OF_EXPERTS[1:]},
    "one layer": {"target_parameters": [f"1.{name}" for name in OF_EXPERTS], "target_modules": []},
    "stable rank": {"use_rslora": True},
    "own ranks": {
        "rank_pattern": {"q_proj": 2, "k_proj": 8},
        "alpha_pattern": {"q_proj": 6, "layers.1.self_attn.v_proj": 3},
    },
    "own ranks of experts": {
        "rank_pattern": {r"1\.mlp\.experts\.down_proj": 2},
        "alpha_pattern": {"mlp.experts.gate_up_proj": 6},
    },
}


# PEFT follows patterns that name parameters, and says that it does not.
@pytest.mark.filterwarnings("ignore:The following .*_pattern keys:RuntimeWarning")
@pytest.mark.parametrize("name", PEFTS)
def test_what_peft_writes_is_read_as_peft_reads_it(name: str, tmp_path: Path) -> None:
    before, after = _saved(tmp_path, **PEFTS[name])
    changes = _changes(read_adapter(tmp_path, CONFIG))
    assert changes
    for parameter, value in after.items():
        added = changes.pop(parameter, np.zeros(1, np.float32))
        np.testing.assert_allclose(
            (value - before[parameter]).numpy(), added + 0 * value.numpy(), atol=2e-6
        )
    assert not changes


def _random(rank: int = 3, layers: int = 2, **shapes: int) -> Adapter:
    rng = np.random.default_rng(5)

    def drawn(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    of = {"q_proj": (HEADS * HEAD, HIDDEN), "o_proj": (HIDDEN, HEADS * HEAD)}
    made = []
    for layer in range(layers):
        attention = {
            name: Lora(drawn(rank + layer, i), drawn(o, rank + layer), 0.5 + layer)
            for name, (o, i) in of.items()
        }
        experts = {
            "gate_up_proj": ExpertLora(
                drawn(EXPERTS, rank, HIDDEN), drawn(EXPERTS, 2 * INNER, rank), 0.5
            ),
            "down_proj": ExpertLora(drawn(EXPERTS, rank, INNER), drawn(EXPERTS, HIDDEN, rank), 0.5),
        }
        made.append(LayerAdapter(attention, experts))
    return Adapter(tuple(made), "0123")


LAYERS: dict[str, Callable[[Adapter], Adapter]] = {
    "all": lambda adapter: adapter,
    "attention": lambda adapter: Adapter(
        tuple(LayerAdapter(layer.attention, {}) for layer in adapter.layers)
    ),
    "experts": lambda adapter: Adapter(
        tuple(LayerAdapter({}, layer.experts) for layer in adapter.layers)
    ),
    "the last layer": lambda adapter: Adapter((LayerAdapter(), adapter.layers[1])),
    "down alone": lambda adapter: Adapter(
        tuple(
            LayerAdapter({}, {"down_proj": layer.experts["down_proj"]}) for layer in adapter.layers
        )
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_what_is_written_is_read_by_peft_and_again(name: str, tmp_path: Path) -> None:
    adapter = LAYERS[name](_random())
    write_adapter(tmp_path, adapter, base="some/base", about={"data": "abc"})
    again = read_adapter(tmp_path, CONFIG)
    assert again.digest() == adapter.digest()
    assert again.base == adapter.base
    base = _base()
    before = {name: value.detach().clone() for name, value in base.named_parameters()}
    model = PeftModel.from_pretrained(base, str(tmp_path))
    after = {name: value.detach() for name, value in model.merge_and_unload().named_parameters()}
    changes = _changes(adapter)
    for parameter, value in after.items():
        added = changes.pop(parameter, np.zeros(1, np.float32))
        np.testing.assert_allclose(
            (value - before[parameter]).numpy(), added + 0 * value.numpy(), atol=2e-6
        )
    assert not changes


def test_peft_and_ours_write_the_same_tensors(tmp_path: Path) -> None:
    _saved(tmp_path / "peft")
    write_adapter(tmp_path / "own", read_adapter(tmp_path / "peft", CONFIG))
    theirs, ours = (load_file(tmp_path / n / "adapter_model.safetensors") for n in ("peft", "own"))
    assert sorted(theirs) == sorted(ours)
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_are_read(dtype: torch.dtype, tmp_path: Path) -> None:
    _saved(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    halved = {name: value.to(dtype) for name, value in load_file(path).items()}
    save_file(halved, path)
    first = read_adapter(tmp_path, CONFIG).layers[0].attention["q_proj"]
    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    assert np.array_equal(first.a, halved[key].float().numpy())


Q = "base_model.model.model.layers.0.self_attn.q_proj"
X = "base_model.model.model.layers.0.mlp.experts"
TENSORS: dict[str, tuple[Callable[[Named], object], str]] = {
    "strange key": (
        lambda t: t.update({"base_model.model.lm_head.lora_A.weight": torch.ones(4, 4)}),
        r"no place for, so they would not be used: base_model\.model\.lm_head\.lora_A",
    ),
    "a layer too many": (
        lambda t: t.update({Q.replace("s.0", "s.9") + ".lora_A.weight": torch.ones(4, HIDDEN)}),
        "of 2 layers",
    ),
    "per expert": (
        lambda t: t.update({X + ".0.gate_up_proj.lora_A.weight": torch.ones(4, HIDDEN)}),
        r"not be used: .*experts\.0\.gate_up_proj",
    ),
    "A alone": (lambda t: t.pop(Q + ".lora_B.weight"), "q_proj has lora_A alone"),
    "another shape": (
        lambda t: t.update({Q + ".lora_A.weight": torch.ones(4, HIDDEN + 1)}),
        r"q_proj has A \(4, 33\) and B \(32, 4\), wanted \(r, 32\) and \(32, r\): .* another model",
    ),
    "other experts": (
        lambda t: t.update({X + ".lora_A.weight": torch.ones(8, INNER)}),
        r"experts has A \(8, 32\)",
    ),
    "NaN": (
        lambda t: t.update({Q + ".lora_A.weight": torch.full((4, HIDDEN), torch.nan)}),
        "values that are no numbers",
    ),
    "lost experts": (
        lambda t: [t.pop(name) for name in list(t) if "experts" in name],
        "names mlp.experts.gate_up_proj, mlp.experts.down_proj as adapted",
    ),
    "lost modules": (
        lambda t: [t.pop(name) for name in list(t) if "k_proj" in name],
        "names k_proj as adapted",
    ),
    "nothing": (lambda t: t.clear(), "holds no matrix"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_matrices_that_cannot_be_used_are_named(name: str, tmp_path: Path) -> None:
    change, said = TENSORS[name]
    _saved(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=said):
        read_adapter(tmp_path, CONFIG)


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "kind": ({"peft_type": "IA3"}, "got peft_type 'IA3', wanted LORA"),
    "dora": ({"use_dora": True}, "got use_dora True"),
    "bias": ({"bias": "all"}, "got bias 'all'"),
    "modules": ({"modules_to_save": ["lm_head"]}, "got modules_to_save"),
    "start": ({"init_lora_weights": "pissa"}, "changes the base's weights"),
    "rank": ({"r": 0}, "got r 0, wanted a number above 0"),
    "alpha": ({"lora_alpha": "x"}, "got lora_alpha 'x'"),
    "pattern": ({"alpha_pattern": {"q_proj": None}}, "got q_proj None"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_other_kinds_of_adapters_are_refused(name: str, tmp_path: Path) -> None:
    change, said = CONFIGS[name]
    _saved(tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=said):
        read_adapter(tmp_path, CONFIG)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="wanted the folder of an adapter"):
        read_adapter(tmp_path, CONFIG)
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(CheckpointError, match="is damaged"):
        read_adapter(tmp_path, CONFIG)
    write_adapter(tmp_path, _random())
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="cannot read"):
        read_adapter(tmp_path, CONFIG)


def test_another_base_is_refused(tmp_path: Path) -> None:
    write_adapter(tmp_path, _random(), base="some/base")
    assert read_adapter(tmp_path, CONFIG, base="0123").base == "0123"
    with pytest.raises(CheckpointError, match=r"trained on another base \(some/base"):
        read_adapter(tmp_path, CONFIG, base="4567")
