"""Every form that is read becomes every form that is written, and is the same model bit for bit."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gptoss import nano
from gptoss.errors import CheckpointError, ConfigError
from gptoss.export.forms import Form
from gptoss.kernels import Backend, Float32
from gptoss.kernels.bf16 import bf16_to_float32, float32_to_bf16
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import LayerType
from gptoss.model.layouts import BF16, ORIGINAL, PACKED
from gptoss.model.safetensors import SafetensorsFile
from gptoss.model.safetensors_writer import write_arrays
from gptoss.runtime import load
from tests.export.conftest import SOURCES, STOP_IDS, Sources, content, exported, out_for
from tests.model.random_model import RandomModel, open_transformer, original_config, random_ids

WRITTEN = {"mxfp4": PACKED, "bf16": BF16, "original": ORIGINAL}
FORMS = tuple(Form)
# A GGUF file has no place for them.
LOST = {"model/LICENSE", "model/tokenizer_config.json"}


def logits(path: Path, model: RandomModel) -> Float32:
    return open_transformer(path, "float32", Backend()).logits(random_ids(model.config, 24))


def tensors_in(folder: Path) -> dict[str, tuple[str, np.ndarray]]:
    files = [SafetensorsFile(path) for path in sorted(folder.rglob("*.safetensors"))]
    return {
        name: (spec.dtype, file.read(name)) for file in files for name, spec in file.tensors.items()
    }


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("name", [name for name in SOURCES if name != "bf16"])
def test_tensors_of_folders(
    source: Sources, name: str, form: str, model: RandomModel, tmp_path: Path
) -> None:
    """Names, types and bits are those that the layout has."""
    found = tensors_in(exported(source(name), tmp_path / "out", form))
    wanted = model.named(WRITTEN[form])
    assert found.keys() == wanted.keys()
    for key, (dtype, values) in wanted.items():
        assert found[key][0] == dtype
        np.testing.assert_array_equal(found[key][1], values, err_msg=key)


@pytest.mark.wide(3)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SOURCES)
def test_logits(source: Sources, name: str, form: str, model: RandomModel, tmp_path: Path) -> None:
    """Read back by ourselves, those of the same model written by others in that form, and of a second export too."""
    first = exported(source(name), out_for(tmp_path, form), form)
    native = source({"gguf": "llama.cpp", "mxfp4": "packed"}.get(form, form))
    np.testing.assert_array_equal(logits(first, model), logits(native, model))
    back = exported(first, tmp_path / "back", "mxfp4")
    np.testing.assert_array_equal(logits(back, model), logits(source("packed"), model))


def test_around_all_forms(source: Sources, model: RandomModel, tmp_path: Path) -> None:
    """After each way through three other forms, the files are those of the direct one."""
    direct = content(exported(source("packed"), tmp_path / "model", "mxfp4"))
    for way in itertools.permutations(("bf16", "original", "gguf")):
        path = source("packed")
        for at, form in enumerate(way):
            path = exported(path, out_for(tmp_path / "-".join(way) / str(at), form), form)
        again = content(exported(path, tmp_path / "-".join(way) / "model", "mxfp4"))
        for name in direct.keys() - LOST:
            assert again[name] == direct[name], (way, name)


def test_the_same_bytes_each_time(source: Sources, tmp_path: Path) -> None:
    for form in FORMS:
        found = []
        for at in ("a", "b"):
            found.append(content(exported(source("packed"), out_for(tmp_path / at, form), form)))
        assert found[0] == found[1]


def test_the_configuration_comes_back(source: Sources, model: RandomModel, tmp_path: Path) -> None:
    for form in FORMS:
        config = open_checkpoint(exported(source("packed"), out_for(tmp_path, form), form)).config
        # The layout original/ has no place for stop ids.
        stop_ids = () if form == "original" else STOP_IDS
        wanted = replace(model.config, eos_token_ids=stop_ids, expert_format=config.expert_format)
        assert config == wanted
    written = (tmp_path / "original" / "original" / "config.json").read_text()
    assert json.loads(written) == original_config(model.config)


@pytest.mark.parametrize("form", FORMS)
def test_nano_answers_in_every_form(form: str, tmp_path: Path) -> None:
    out = exported(nano.checkpoint_path(), out_for(tmp_path, form), form)
    ids = list(range(1, 60))
    with load(out, weights="stored") as found, load("nano", weights="stored") as wanted:
        text = "Sums such as 48213 + 9077, and words\n"
        assert found.tokenizer.encode(text) == wanted.tokenizer.encode(text)
        # Experts in bfloat16 are multiplied with inputs that are rounded otherwise.
        if form != "bf16":
            np.testing.assert_array_equal(found.logits(ids), wanted.logits(ids))
    with (
        load(out, precision="float32") as found,
        load("nano", precision="float32") as wanted,
    ):
        np.testing.assert_allclose(found.logits(ids), wanted.logits(ids), rtol=0, atol=1e-4)


def test_quantised_matrices_are_decoded(rounded: Path, model: RandomModel, tmp_path: Path) -> None:
    for form in FORMS:
        out = exported(rounded, out_for(tmp_path, form), form)
        if form != "bf16":
            np.testing.assert_array_equal(logits(out, model), logits(rounded, model))
    kinds = {tensor for tensor, _ in tensors_in(tmp_path / "mxfp4").values()}
    assert kinds == {"BF16", "U8"}


def test_vectors_that_bfloat16_cannot_say(
    model: RandomModel, source: Sources, tmp_path: Path
) -> None:
    """A fine-tune may keep them in float32; those that need it stay so, and lose nothing."""
    folder = tmp_path / "source"
    model.write(folder, PACKED)
    named = model.named(PACKED)
    norm, bias = "model.norm.weight", "model.layers.1.self_attn.k_proj.bias"
    for name in (norm, bias):
        named[name] = ("F32", bf16_to_float32(named[name][1]))
    named[norm][1][3] += np.float32(2**-20)
    write_arrays(folder / "model.safetensors", named)
    (folder / "tokenizer.json").write_bytes((source("packed") / "tokenizer.json").read_bytes())
    for form in FORMS:
        out = exported(folder, out_for(tmp_path, form), form)
        if form != "bf16":
            np.testing.assert_array_equal(logits(out, model), logits(folder, model))
    found = tensors_in(tmp_path / "mxfp4")
    assert (found[norm][0], found[bias][0]) == ("F32", "BF16")


def test_experts_that_were_not_mxfp4(model: RandomModel, source: Sources, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    model.write(folder, BF16)
    named = model.named(BF16)
    name = "model.layers.1.mlp.experts.down_proj"
    named[name] = ("BF16", named[name][1].copy())
    named[name][1][2, 5, 7] = float32_to_bf16(np.float32(0.3141))
    write_arrays(folder / "model.safetensors", named)
    (folder / "tokenizer.json").write_bytes((source("packed") / "tokenizer.json").read_bytes())
    for form in ("mxfp4", "original", "gguf"):
        with pytest.raises(
            CheckpointError, match="layer 1, down of expert 2 was not made of MXFP4"
        ):
            exported(folder, out_for(tmp_path / form, form), form)
        assert list((tmp_path / form).iterdir()) == []
    out = exported(folder, tmp_path / "bf16", "bf16")
    np.testing.assert_array_equal(tensors_in(out)[name][1], named[name][1])


def test_scales_beyond_bfloat16(model: RandomModel, source: Sources, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    tensors = {key: values.copy() for key, values in model.tensors.items()}
    tensors["gate_up.scales", 0][1, 2, 0] = 253
    RandomModel(model.config, tensors).write(folder, PACKED)
    (folder / "tokenizer.json").write_bytes((source("packed") / "tokenizer.json").read_bytes())
    with pytest.raises(CheckpointError, match="layer 0, gate_up of expert 1 has the scale 253"):
        exported(folder, tmp_path / "bf16", "bf16")
    assert not (tmp_path / "bf16").exists()
    found = tensors_in(exported(folder, tmp_path / "mxfp4", "mxfp4"))
    scales = found["model.layers.0.mlp.experts.gate_up_proj_scales"][1]
    np.testing.assert_array_equal(scales, tensors["gate_up.scales", 0])


@pytest.mark.parametrize(
    ("form", "change", "said"),
    [
        ("original", {"rms_norm_eps": 1e-6}, "rms_norm_eps = 1e-06"),
        ("original", {"max_positions": 500}, "max_positions = 500"),
        ("original", {"swiglu_alpha": 1.5}, "swiglu_alpha = 1.5"),
        ("gguf", {"swiglu_limit": 5.0}, "swiglu_limit = 5.0"),
        ("gguf", {"swiglu_alpha": 1.5}, "swiglu_alpha = 1.5"),
        ("original", {"layer_types": (LayerType.FULL,) * 2}, "layer_types"),
        ("gguf", {"layer_types": (LayerType.FULL,) * 2}, "layer_types"),
    ],
)
def test_what_a_form_cannot_say(
    form: str, change: dict[str, object], said: str, source: Sources, tmp_path: Path
) -> None:
    folder = tmp_path / "source"
    small = open_checkpoint(source("packed")).config
    RandomModel.of(replace(small, **change), 1).write(folder, PACKED)
    (folder / "tokenizer.json").write_bytes((source("packed") / "tokenizer.json").read_bytes())
    with pytest.raises(ConfigError, match=f"got {said}.* cannot say it.*wanted another form"):
        exported(folder, out_for(tmp_path, form), form)
    exported(folder, tmp_path / "mxfp4", "mxfp4")
    assert (
        open_checkpoint(tmp_path / "mxfp4").config.layer_types
        == replace(small, **change).layer_types
    )
