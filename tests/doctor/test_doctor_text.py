"""A doctor on configuration, end tokens, tokenizer and template: each fault is found, alone, and blamed on its file."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gptoss.model.config import Config, RopeConfig, alternating_layers
from gptoss.runtime.doctor import Examination, Level
from gptoss.runtime.doctor.configuration import compare_with_released
from tests.doctor.models import SHARDS, change, one_wrong, wrong_with

RELEASED = Config(
    vocab_size=201088,
    hidden_size=2880,
    intermediate_size=2880,
    num_experts=32,
    experts_per_token=4,
    num_heads=64,
    num_kv_heads=8,
    head_dim=64,
    sliding_window=128,
    layer_types=alternating_layers(24),
    max_positions=131072,
    rope=RopeConfig(),
)


def test_the_released_values() -> None:
    finding = compare_with_released(RELEASED, "config.json")
    assert finding.level is Level.OK
    assert "gpt-oss-20b" in finding.said
    large = dataclasses.replace(RELEASED, num_experts=128, layer_types=alternating_layers(36))
    assert "gpt-oss-120b" in compare_with_released(large, "config.json").said


@pytest.mark.parametrize(
    ("changes", "level", "said"),
    [
        ({"sliding_window": 64}, Level.WARNING, "sliding_window 64, released 128"),
        ({"rope": RopeConfig(factor=16.0)}, Level.WARNING, "rope factor 16.0, released 32.0"),
        ({"swiglu_limit": 10.0}, Level.WARNING, "swiglu_limit 10.0, released 7.0"),
        ({"experts_per_token": 2}, Level.WARNING, "experts_per_token 2, released 4"),
        (
            {"layer_types": tuple(reversed(alternating_layers(24)))},
            Level.WARNING,
            "sliding in layers 1, 3, 5",
        ),
        ({"max_positions": 8192}, Level.NOTE, "max_positions 8192, released 131072"),
        ({"vocab_size": 201216}, Level.NOTE, "vocab_size 201216"),
    ],
)
def test_values_that_are_not_the_released_ones(
    changes: dict[str, Any], level: Level, said: str
) -> None:
    finding = compare_with_released(dataclasses.replace(RELEASED, **changes), "config.json")
    assert finding.level is level
    assert said in finding.said
    assert "other values" in finding.said
    assert bool(finding.remedy) is (level is Level.WARNING)


def test_a_configuration_that_is_refused(model: Path) -> None:
    change(model / "config.json", hidden_act="gelu")
    finding, *others = wrong_with(model)
    assert (finding.level, finding.name) == (Level.ERROR, "config")
    assert "got hidden_act = 'gelu', wanted 'silu'" in finding.said
    assert "published with the weights" in finding.remedy
    assert {each.level for each in others} == {Level.NOTE}


@pytest.mark.parametrize(
    ("ids", "level", "said"),
    [
        ([1017, 1016], Level.WARNING, "lacks 1023 <|call|>"),
        (1017, Level.WARNING, "lacks 1016 <|endoftext|> and 1023 <|call|>"),
        ([1017, 1016, 1023, 13], Level.ERROR, "has turns end at 13 '.'"),
        ([1017, 1016, 1023, 1021], Level.WARNING, "has turns end at 1021 <|end|>"),
    ],
)
def test_wrong_ends_in_the_generation_config(
    model: Path, ids: object, level: Level, said: str
) -> None:
    change(model / "generation_config.json", eos_token_id=ids)
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (level, "end tokens")
    assert finding.said.startswith("generation_config.json ")
    assert said in finding.said
    assert f"`gptoss doctor {model} --repair DIR`" in finding.remedy


@pytest.mark.parametrize(
    ("file", "value"), [("config.json", 2000), ("generation_config.json", [1017, "x"])]
)
def test_ends_that_cannot_be_read_are_blamed_on_their_file(
    model: Path, file: str, value: object
) -> None:
    change(model / file, eos_token_id=value)
    if file == "config.json":
        # Otherwise this file's do not count.
        (model / "generation_config.json").unlink()
    refused, *others = wrong_with(model)
    assert refused.level is Level.ERROR
    assert f"{file}: got eos_token_id" in refused.said
    (ends,) = [each for each in others if each.name == "end tokens"]
    assert ends.said.startswith(f"{file} has turns end at")


def test_wrong_ends_in_the_config(model: Path) -> None:
    change(model / "config.json", eos_token_id=13)
    finding = one_wrong(model)
    assert finding.level is Level.WARNING
    assert finding.said.startswith("config.json has turns end at 13 '.'")
    # Where it is alone, turns are cut.
    (model / "generation_config.json").unlink()
    assert one_wrong(model).level is Level.ERROR


def test_other_names_of_ends_and_padding(model: Path) -> None:
    change(model / "tokenizer_config.json", eos_token="</s>")
    assert "a text ends with '</s>'" in one_wrong(model).said
    change(
        model / "tokenizer_config.json",
        eos_token={"content": "<|return|>"},
        pad_token={"content": "<|return|>"},
    )
    assert "never learns to stop" in one_wrong(model).said
    change(model / "tokenizer_config.json", pad_token="<|endoftext|>")
    change(model / "config.json", pad_token_id=1017)
    finding = one_wrong(model)
    assert finding.said.startswith("config.json has 1017 <|return|> as padding")


def tokenizer_of(model: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((model / "tokenizer.json").read_text("utf-8"))
    return found


def test_a_normalizer(model: Path) -> None:
    change(model / "tokenizer.json", normalizer={"type": "NFKC"})
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.WARNING, "normalizer")
    assert "'NFKC'" in finding.said


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("post_processor", {"type": "TemplateProcessing"}, "post-processor ('TemplateProcessing')"),
        ("model", {"dropout": 0.1}, "has dropout = 0.1"),
        ("pre_tokenizer", {"add_prefix_space": True}, "begin with a space"),
    ],
)
def test_steps_that_other_programs_take(
    model: Path, key: str, value: dict[str, Any], said: str
) -> None:
    data = tokenizer_of(model)
    if key == "model":
        data["model"] |= value
    elif key == "pre_tokenizer":
        data["pre_tokenizer"]["pretokenizers"][1] |= value
    else:
        data[key] = value
    (model / "tokenizer.json").write_text(json.dumps(data))
    assert said in one_wrong(model).said


def test_a_pattern_of_another_model(model: Path) -> None:
    data = tokenizer_of(model)
    data["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\w+"
    (model / "tokenizer.json").write_text(json.dumps(data))
    refused, skipped = wrong_with(model)
    assert refused.level is Level.ERROR
    assert "wanted that of o200k" in refused.said
    assert skipped.said == "not looked at: the tokenizer cannot be read"


def test_a_special_token_that_is_missing(model: Path) -> None:
    data = tokenizer_of(model)
    data["added_tokens"] = [each for each in data["added_tokens"] if each["id"] != 1022]
    (model / "tokenizer.json").write_text(json.dumps(data))
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.ERROR, "harmony")
    assert "<|message|>" in finding.said


def test_a_tokenizer_that_does_not_fit(model: Path) -> None:
    data = tokenizer_of(model)
    data["added_tokens"].append({**data["added_tokens"][0], "id": 5000, "content": "<|more|>"})
    (model / "tokenizer.json").write_text(json.dumps(data))
    assert "ids up to 5000" in one_wrong(model).said


def test_a_tokenizer_config_of_another_model(model: Path) -> None:
    added = {"1017": {"content": "<|return|>"}, "7": {"content": "<|call|>"}, "8": "x"}
    change(model / "tokenizer_config.json", added_tokens_decoder=added)
    finding = one_wrong(model)
    assert finding.level is Level.WARNING
    assert "gives '<|call|>' the id '7', tokenizer.json 1023" in finding.said


def test_no_tokenizer(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    refused, skipped = wrong_with(model)
    assert (refused.level, skipped.level) == (Level.ERROR, Level.NOTE)
    assert "no tokenizer.json in" in refused.said


def test_templates(model: Path) -> None:
    path = model / "chat_template.jinja"
    text = path.read_text("utf-8")
    path.unlink()
    assert "none: harmony is written without one here" in one_wrong(model).said
    # Where older models have it.
    change(model / "tokenizer_config.json", chat_template=text.rstrip("\n"))
    assert wrong_with(model) == []
    path.write_text("{{ messages }}")
    assert "differ" in one_wrong(model).said
    change(model / "tokenizer_config.json", chat_template=None)
    finding = one_wrong(model)
    assert finding.level is Level.NOTE
    assert "not the one that is known as released" in finding.said


def test_a_model_that_would_be_taken_and_is_damaged(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names none is told why it is another that is looked at."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("GPTOSS_MODEL", raising=False)
    snapshot = tmp_path / "hub" / "models--openai--gpt-oss-20b" / "snapshots" / ("1" * 40)
    shutil.copytree(model, snapshot)
    (snapshot / SHARDS[0]).write_bytes(b"\xff" * 100)
    examination = Examination(quick=True)
    first, second = list(examination.of_model())[:2]
    assert (first.level, second.level) == (Level.WARNING, Level.OK)
    assert first.said.startswith("nano is taken: gpt-oss-20b cannot be loaded")
    assert first.remedy == "download it again"
    assert second.said.startswith("nano (none is named")
