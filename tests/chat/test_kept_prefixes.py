"""Prefixes kept on the disk are for the kernels that made them: others round differently."""

from __future__ import annotations

from pathlib import Path

import pytest

import gptoss
from gptoss.engine import SamplingParams
from tests.choices import CHOICES, Choice

PROMPT = [n * 7 % 90 for n in range(150)]


def cached_tokens(folder: Path, choice: Choice, monkeypatch: pytest.MonkeyPatch) -> int:
    """Tokens of the prompt that a model with these kernels finds kept, before it keeps its own."""
    monkeypatch.setenv("GPTOSS_ISA", choice.isa)
    monkeypatch.setenv("GPTOSS_BF16_PAIRS", "on" if choice.bf16_pairs else "off")
    with gptoss.load("nano", threads=1, prefix_cache=folder) as model:
        generation = model.submit(PROMPT, SamplingParams(temperature=0), max_tokens=2)
        for _ in generation:
            pass
        return generation.timings.cached_tokens


def test_each_choice_of_kernels_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, choice in enumerate(CHOICES):
        assert cached_tokens(tmp_path, choice, monkeypatch) == 0
        assert cached_tokens(tmp_path, choice, monkeypatch) > 100
        assert len(list(tmp_path.iterdir())) == number + 1
