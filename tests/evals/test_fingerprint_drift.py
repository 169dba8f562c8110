"""A fingerprint of a model against the same one, other arithmetic, another model and damaged files."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gptoss
from gptoss.errors import EvalError, OutputError
from gptoss.evals.drift import Verdict, _distance, _divergence, drift
from gptoss.evals.fingerprint import FORMAT, Fingerprint
from gptoss.runtime import LoadedModel

TWO = ("What is 48213 + 9077?", "Why is the sky blue?")


@pytest.fixture(scope="module")
def exact() -> LoadedModel:
    """nano in the precision that all others are held against."""
    return gptoss.load("nano", "float32", threads=1)


@pytest.fixture(scope="module")
def fingerprint(exact: LoadedModel) -> Fingerprint:
    return Fingerprint.of(exact, TWO)


def test_a_model_has_not_drifted_from_itself(
    exact: LoadedModel, fingerprint: Fingerprint, tmp_path: Path
) -> None:
    fingerprint.write(tmp_path / "kept.json")
    kept = Fingerprint.read(tmp_path / "kept.json")
    assert kept == fingerprint
    found = drift(kept, exact)
    assert found.verdict is Verdict.SAME
    assert all(passage.is_same for passage in found.passages)
    assert [passage.first_other for passage in found.passages] == [None, None]
    assert found.divergence.mean < 1e-9
    assert found.lines()[0].startswith("the same")


def test_it_has_the_engine_s_own_greedy_tokens(
    exact: LoadedModel, fingerprint: Fingerprint
) -> None:
    for passage in fingerprint.passages:
        likeliest = [top[0][0] for top in passage.top]
        assert tuple(likeliest) == passage.token_ids[-passage.greedy :]
        assert exact.tokenizer.decode(passage.token_ids[: passage.first + 1]).endswith("assistant")


def test_other_sums_are_rounding(exact: LoadedModel, fingerprint: Fingerprint) -> None:
    others = [isa for isa in gptoss.kernels.isas() if isa != exact.backend.isa]
    if not others:
        pytest.skip("this machine has one instruction set")
    with gptoss.load("nano", "float32", threads=1, isa=others[0]) as other:
        found = drift(fingerprint, other)
    assert found.verdict is Verdict.ROUNDING
    assert all(passage.first_other is None for passage in found.passages)


@pytest.mark.parametrize(("precision", "kv"), [("bf16", None), ("int8", None), ("int8", "int8")])
def test_a_precision_is_told_as_one(
    fingerprint: Fingerprint, precision: str, kv: str | None
) -> None:
    with gptoss.load("nano", precision, threads=1, kv=kv) as other:
        found = drift(fingerprint, other)
    assert found.verdict is Verdict.PRECISION
    assert 0 < found.divergence.mean < 0.01 < found.distance.mean
    assert any(line.startswith("precision: float32 then") for line in found.lines())


@pytest.mark.parametrize(("scale", "verdict"), [(1.001, Verdict.PRECISION), (1.1, Verdict.TRAINED)])
def test_changed_weights_are_told(fingerprint: Fingerprint, scale: float, verdict: Verdict) -> None:
    with gptoss.load("nano", "float32", threads=1) as other:
        weights = other.transformer._weights
        norm = weights.norm * np.resize(np.array([scale, 1 / scale]), weights.norm.shape)
        changed = dataclasses.replace(weights, norm=norm.astype(weights.norm.dtype))
        other.transformer._weights = changed
        assert drift(fingerprint, other).verdict is verdict


def test_other_weights_are_told(fingerprint: Fingerprint, random_model: LoadedModel) -> None:
    found = drift(fingerprint, random_model)
    assert found.verdict is Verdict.OTHER
    assert found.passages[0].first_other == 0
    assert any("another token in place 1" in line for line in found.lines())
    assert json.loads(json.dumps(found.to_dict()))["verdict"] == "other"


def test_the_first_other_token_is_found(exact: LoadedModel, fingerprint: Fingerprint) -> None:
    passage = fingerprint.passages[0]
    ids = list(passage.token_ids)
    place = passage.first + 1 + 7
    ids[place] += 1
    changed = dataclasses.replace(passage, token_ids=tuple(ids))
    found = drift(dataclasses.replace(fingerprint, passages=(changed,)), exact)
    assert found.passages[0].first_other == 7
    assert not found.passages[0].is_same


def test_divergence_counts_what_is_left_over_as_one() -> None:
    now = np.log([0.25, 0.25, 0.25, 0.25])
    top = ((2, math.log(0.5)), (0, math.log(0.25)))
    wanted = 0.5 * math.log(2) + 0.25 * math.log(1) + 0.25 * math.log(0.25 / 0.5)
    assert _divergence(top, now) == pytest.approx(wanted, abs=1e-12)


def test_distance_is_that_of_the_kept_logprobs() -> None:
    assert _distance(((2, -1.0), (0, -2.0)), np.array([-2.5, -9.0, -0.75])) == 0.375


def test_divergence_is_finite_where_the_other_finds_it_impossible() -> None:
    found = _divergence(((0, math.log(0.9)), (1, math.log(0.1))), np.array([-800.0, 0.0]))
    assert 10 < found < 100


def _without(name: str) -> Callable[[dict], None]:
    return lambda data: data.pop(name)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without("format"), "got None as its format"),
        (lambda data: data.update(format="gptoss-fingerprint-0"), "take it anew"),
        (_without("passages"), "damaged fingerprint"),
        (lambda data: data["passages"][0].pop("digest"), "damaged fingerprint"),
        (lambda data: data["passages"][0].update(greedy=0), "other numbers of tokens"),
        (lambda data: data["passages"][0]["top"].pop(), "other numbers of tokens"),
        (lambda data: data["passages"][0].update(token_ids=["x"]), "damaged fingerprint"),
        (lambda data: data.update(passages=3), "damaged fingerprint"),
    ],
)
def test_damaged_files(
    fingerprint: Fingerprint, tmp_path: Path, damage: Callable[[dict], object], said: str
) -> None:
    data = {"format": FORMAT, **dataclasses.asdict(fingerprint)}
    data = json.loads(json.dumps(data))
    damage(data)
    path = tmp_path / "kept.json"
    path.write_text(json.dumps(data))
    with pytest.raises(EvalError, match=said):
        Fingerprint.read(path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": NaN}'])
def test_what_is_no_fingerprint(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kept.json"
    path.write_text(content)
    with pytest.raises(EvalError, match="is no fingerprint"):
        Fingerprint.read(path)


def test_files_that_are_not_there(fingerprint: Fingerprint, tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="cannot read"):
        Fingerprint.read(tmp_path / "none.json")
    with pytest.raises(OutputError, match="cannot write"):
        fingerprint.write(tmp_path / "none" / "kept.json")


def test_another_tokenizer_is_refused(exact: LoadedModel, fingerprint: Fingerprint) -> None:
    other = dataclasses.replace(fingerprint, tokenizer="0" * 64)
    with pytest.raises(EvalError, match="another tokenizer"):
        drift(other, exact)


def test_ids_beyond_the_vocabulary_are_told(exact: LoadedModel, fingerprint: Fingerprint) -> None:
    passage = fingerprint.passages[0]
    ids = (10**6, *passage.token_ids[1:])
    other = dataclasses.replace(
        fingerprint, passages=(dataclasses.replace(passage, token_ids=ids),)
    )
    with pytest.raises(gptoss.GptossError, match="got token id 1000000"):
        drift(other, exact)
