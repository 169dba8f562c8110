"""A job reads data and a model, and says before it begins what cannot be learnt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gptoss.errors import DataError, TrainingError
from gptoss.runtime import ModelOptions
from gptoss.runtime.loading import Base, open_base
from gptoss.train.tuning.job import Job, JobOptions
from gptoss.train.tuning.layer_choice import layers_of
from gptoss.train.tuning.options import TrainingOptions

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def base() -> Base:
    return open_base(ModelOptions("nano"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"{n} + 1", "completion": str(n + 1)} for n in range(20)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("all", range(6)),
        ("none", ()),
        ("last:2", (4, 5)),
        ("3", (3,)),
        ("0-2,5", (0, 1, 2, 5)),
        (" Last:6 ", range(6)),
    ],
)
def test_layers_by_words(text: str, wanted: range) -> None:
    assert layers_of(text, 6, "--layers") == frozenset(wanted)


@pytest.mark.parametrize("text", ["", "last:0", "last:7", "6", "3-1", "1,", "-1", "x", "last:²"])
def test_layers_that_are_none(text: str) -> None:
    with pytest.raises(TrainingError, match="as --layers, wanted all, none, last:N, or layers"):
        layers_of(text, 6, "--layers")


def test_rows_are_held_out_whole(base: Base, data: Path) -> None:
    job = Job.of(base, JobOptions(data=[data], held_out=0.25))
    learnt, kept = (sum(len(p.pieces) for p in packs) for packs in (job.packs, job.held_out))
    assert (learnt, kept) == (15, 5)
    again = Job.of(base, JobOptions(data=[data], held_out=0.25))
    assert [p.token_ids.tolist() for p in again.held_out] == [
        p.token_ids.tolist() for p in job.held_out
    ]


def test_experts_of_all_layers_are_those_above_the_first_that_learns(
    base: Base, data: Path
) -> None:
    lora = Job.of(base, JobOptions(data=[data], layers="last:2", experts="all")).lora
    assert lora.attention == lora.experts
    assert len(lora.experts) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": "none"}, "no layer to learn in"),
        ({"rank": 0}, "got rank 0"),
        ({"held_out": 0.01}, "of which 0.01 are 0"),
        ({"max_length": 500, "pack_length": 100}, "a pass of 100 tokens for samples of up to 500"),
        ({"train_on": "tools=1"}, "nothing is left to learn from"),
    ],
)
def test_what_cannot_be_learnt(
    base: Base, data: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises((TrainingError, DataError), match=said):
        Job.of(base, JobOptions(data=[data], **options))  # type: ignore[arg-type]


def test_changed_data_are_another_run(base: Base, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = JobOptions(data=[data], layers="last:1", training=TrainingOptions(epochs=1))
    Job.of(base, options).trainer(out).save()
    assert Job.of(base, options).trainer(out).progress.step == 0
    data.write_text(data.read_text() + data.read_text().splitlines()[0] + "\n")
    with pytest.raises(TrainingError, match="holds a run with another dataset"):
        Job.of(base, options).trainer(out)
    other = JobOptions(data=[data], layers="last:2")
    with pytest.raises(TrainingError, match="holds a run with another"):
        Job.of(base, other).trainer(out)
