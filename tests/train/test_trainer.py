"""The loop: it learns, and whatever ends it, going on gives the same bits as never having stopped."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gptoss.errors import OutputError, TrainingError
from gptoss.model.adapter.peft_files import read_adapter
from gptoss.train.data.packs import Pack, packed
from gptoss.train.data.samples import Sample
from gptoss.train.tuning.checkpoint import NAME as CHECKPOINT
from gptoss.train.tuning.options import TrainingOptions
from gptoss.train.tuning.parameters import AdapterParameters, LoraOptions
from gptoss.train.tuning.stack import Stack
from gptoss.train.tuning.trainer import Destination, StepReport, Trainer, Unwatched
from tests.model.random_model import RandomModel, random_config
from tests.train.adapted_model import PackedModel, written

pytestmark = pytest.mark.torch

OPTIONS = TrainingOptions(epochs=3, learning_rate=0.01, packs_per_step=2, seed=5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PackedModel:
    random_model = RandomModel.of(random_config(2), 2)
    return PackedModel(written(random_model, tmp_path_factory.mktemp("model")))


def _packs(model: PackedModel, seed: int, count: int = 5) -> list[Pack]:
    """Runs of tokens that follow each other: something that can be learnt."""
    rng = np.random.default_rng(seed)
    samples = []
    for row in range(count):
        ids = (rng.integers(8) + np.arange(40)) % 24
        weights = np.ones(40, np.float32)
        samples.append(Sample(ids.astype(np.int32), np.full(40, 7, np.uint8), weights, row, 0))
    return [pack for sample in samples for pack in packed([sample], 64)]


class _Stop(Exception):
    pass


class _Watcher(Unwatched):
    """Ends a run after so many layers."""

    def __init__(self, layers: int = -1) -> None:
        self.left = layers
        self.reports: list[StepReport] = []
        self.evaluations: list[tuple[float, bool]] = []

    def layer_done(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise _Stop

    def stepped(self, report: StepReport) -> None:
        self.reports.append(report)

    def evaluated(self, loss: float, *, is_best: bool) -> None:
        self.evaluations.append((loss, is_best))


def _trainer(
    model: PackedModel,
    folder: Path,
    watcher: _Watcher | None = None,
    *,
    options: TrainingOptions = OPTIONS,
    layers: range | None = None,
    held_out: int = 2,
    **more: Any,
) -> Trainer:
    learn = layers or range(model.config.num_layers)
    lora = LoraOptions(rank=4, expert_rank=2, attention=learn, experts=learn)
    parameters = AdapterParameters(model.config, lora, options.seed)
    stack = Stack(model.config, model.weights, model.arithmetic, parameters)
    destination = Destination(
        folder=folder, identity={"data": "d", "options": repr(options)}, base="abc", base_name="x"
    )
    return Trainer(
        stack,
        options,
        _packs(model, 1),
        _packs(model, 2, held_out),
        destination,
        watcher,
        **more,
    )


def _state(trainer: Trainer) -> dict[str, torch.Tensor]:
    named = trainer._stack.parameters.named()
    return {name: tensor.detach().clone() for name, tensor in named}


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one) and one.keys() == other.keys()


def test_it_learns_and_writes_what_it_learnt(model: PackedModel, tmp_path: Path) -> None:
    watcher = _Watcher()
    options = TrainingOptions(epochs=12, learning_rate=0.02, packs_per_step=2)
    trainer = _trainer(model, tmp_path, watcher, options=options)
    before = trainer.held_out_loss()
    trainer.run()
    assert trainer.is_done
    assert trainer.held_out_loss() < 0.5 * before
    assert [report.step for report in watcher.reports] == list(range(1, 37))
    assert min(loss for loss, _ in watcher.evaluations) == trainer.progress.best
    adapter = read_adapter(tmp_path, model.config, base="abc")
    assert adapter.num_parameters == trainer._stack.parameters.num_parameters
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == list(range(1, 37))
    assert [bool(row["held_out_loss"]) for row in rows] == [not step % 3 for step in range(1, 37)]


@pytest.mark.wide(3)
@pytest.mark.parametrize("layers", [1, 7, 20, 33, 50, 64])
def test_a_run_that_was_ended_goes_on_to_the_same_bits(
    model: PackedModel, tmp_path: Path, layers: int
) -> None:
    whole = _trainer(model, tmp_path / "whole")
    whole.run()
    ended, watcher = 0, _Watcher(layers)
    while True:
        part = _trainer(model, tmp_path / "part", watcher)
        try:
            part.run()
            break
        except _Stop:
            ended += 1
            # Further each time, else it would never get past the first step.
            watcher = _Watcher(layers + 25 * ended)
    assert ended > 0
    assert _same(_state(part), _state(whole))
    assert part.progress.best == whole.progress.best
    mine, theirs = (
        read_adapter(tmp_path / name, model.config).digest() for name in ("part", "whole")
    )
    assert mine == theirs
    seconds_aside = [
        [row[:-1] for row in csv.reader((tmp_path / name / "metrics.csv").read_text().splitlines())]
        for name in ("part", "whole")
    ]
    assert seconds_aside[0] == seconds_aside[1]


def test_a_kept_prefix_changes_nothing(model: PackedModel, tmp_path: Path) -> None:
    last = range(model.config.num_layers - 1, model.config.num_layers)
    plain = _trainer(model, tmp_path / "plain", layers=last)
    plain.run()
    kept = _trainer(model, tmp_path / "kept", layers=last, keeps_prefix=True)
    kept.run()
    assert _same(_state(kept), _state(plain))
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == sorted(
        path.name for path in (tmp_path / "plain").iterdir()
    )


def test_patience_ends_a_run_and_the_best_is_kept(model: PackedModel, tmp_path: Path) -> None:
    watcher = _Watcher()
    options = TrainingOptions(
        epochs=60, learning_rate=0.3, evaluate_every=1, patience=3, warmup=0.0
    )
    trainer = _trainer(model, tmp_path, watcher, options=options)
    trainer.run()
    assert trainer.progress.step < trainer.steps
    assert [is_best for _, is_best in watcher.evaluations][-3:] == [False] * 3
    again = _trainer(model, tmp_path, options=options)
    assert again.is_done
    again.run()
    assert again.progress.step == trainer.progress.step


def test_another_run_is_not_gone_on_with(model: PackedModel, tmp_path: Path) -> None:
    _trainer(model, tmp_path).run()
    other = TrainingOptions(epochs=3, learning_rate=0.02, packs_per_step=2, seed=5)
    with pytest.raises(TrainingError, match="holds a run with another options"):
        _trainer(model, tmp_path, options=other)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "text": lambda data: b"hello",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_checkpoint_is_said(model: PackedModel, tmp_path: Path, name: str) -> None:
    _trainer(model, tmp_path).save()
    path = tmp_path / CHECKPOINT
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    with pytest.raises(TrainingError, match="cannot be read"):
        _trainer(model, tmp_path)


def test_a_loss_that_is_no_number_ends_it(model: PackedModel, tmp_path: Path) -> None:
    trainer = _trainer(model, tmp_path)
    with torch.no_grad():
        next(iter(dict(trainer._stack.parameters.named()).values())).fill_(float("nan"))
    with pytest.raises(TrainingError, match="step 1: the loss is nan"):
        trainer.run()


def test_a_full_disk_leaves_the_checkpoint_before(
    model: PackedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = _trainer(model, tmp_path)
    trainer.save()
    before = (tmp_path / CHECKPOINT).read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gptoss.model.safetensors_writer.whole_file", full)
    with pytest.raises(
        OutputError, match=r"No space left on device; .*; the checkpoint before it is"
    ):
        trainer.save()
    assert (tmp_path / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("learning_rate", -1.0), ("learning_rate", float("nan")), ("seed", 1.5)],
)
def test_options_outside_their_range(name: str, value: float) -> None:
    with pytest.raises(TrainingError, match=name):
        TrainingOptions(**{name: value})  # type: ignore[arg-type]


def test_the_rate_rises_and_falls() -> None:
    options = TrainingOptions(learning_rate=1.0, warmup=0.1, final_share=0.2)
    rates = [options.rate(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == 1.0
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0.2 < rates[-1] < 0.21
