"""lm-evaluation-harness as the guide runs it: likelihoods to the last token, and answers of a model that reasons."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checks.documentation import blocks
from gptoss.runtime import LoadedModel
from tests.clients.conftest import ROOT, Ran, RunClient
from tests.clients.enclosed import MODEL_VARIABLE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("lm_eval") is None,
        reason="lm-eval is not installed: make test-slow does that",
    ),
]
PAGE = "docs/evaluation.md"
# Between sums in float32 and in float64, of some ten logprobs down to -20.
ROUNDED = 1e-5


def run_block(run_client: RunClient, folder: Path, number: int) -> Ran:
    """Run a block of the guide."""
    text = (ROOT / PAGE).read_text()
    shown = [each for each in blocks(PAGE, text) if each.run_by == "tests/clients/test_lm_eval.py"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-euc", shown[number].code]
    ran = run_client(command, folder, PATH=path, **{MODEL_VARIABLE: "nano"})
    ran.assert_well()
    return ran


def samples(folder: Path, task: str) -> list[dict[str, Any]]:
    (file,) = (folder / "results" / "nano").glob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def scored(model: LoadedModel, context: str, text: str) -> tuple[float, bool]:
    """How likely a text is behind another, and whether it is the likeliest, by the model's own logits."""
    begin, ids = len(model.tokenizer.encode(context)), model.tokenizer.encode(context + text)
    assert ids[:begin] == model.tokenizer.encode(context)
    logits = model.logits(ids).astype(np.float64)
    logprobs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    places: Sequence[int] = range(begin, len(ids))
    total = sum(logprobs[place - 1, ids[place]] for place in places)
    return float(total), all(logits[place - 1].argmax() == ids[place] for place in places)


def test_likelihoods_are_those_of_the_models_logits(
    run_client: RunClient, tmp_path: Path, nano_model: LoadedModel
) -> None:
    ran = run_block(run_client, tmp_path, 0)
    assert {each["asked"] for each in ran.requests} == {"POST /v1/completions"}
    found = samples(tmp_path, "colours")
    assert len(found) == 3
    num_choices, num_right = 0, 0
    for sample in found:
        document = sample["doc"]
        likelihoods = []
        for choice, given in zip(document["choices"], sample["resps"], strict=True):
            total, is_greedy = scored(nano_model, document["question"], f" {choice}")
            assert float(given[0][0]) == pytest.approx(total, abs=ROUNDED)
            assert given[0][1] == str(is_greedy)
            likelihoods.append(total)
            num_choices += 1
        is_right = int(np.argmax(likelihoods)) == document["answer"]
        assert sample["acc"] == is_right
        num_right += is_right
    assert num_choices == 8
    assert f"{num_right / 3:.4f}" in ran.stdout


def test_answers_of_a_model_that_reasons(run_client: RunClient, tmp_path: Path) -> None:
    ran = run_block(run_client, tmp_path, 1)
    assert {each["asked"] for each in ran.requests} == {"POST /v1/chat/completions"}
    assert ran.ignored == set()
    found = samples(tmp_path, "sums")
    assert [sample["resps"][0][0].strip() for sample in found] == ["7", "42", "57290"]
    assert [sample["exact_match"] for sample in found] == [1.0, 1.0, 1.0]
