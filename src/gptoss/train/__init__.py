"""Fine-tuning over packed weights, training from scratch, and export to the released layout. The only user of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptoss.train.tuning.trainer import Watcher


@dataclass(frozen=True, slots=True)
class Finetuned:
    """What fine-tuning has made.

    adapter        its folder, in PEFT's format
    steps, tokens  that were made, and learnt from
    seconds        that it took, all sessions together
    held_out_loss  the lowest; None: nothing was held out
    """

    adapter: Path
    steps: int
    tokens: int
    seconds: float
    held_out_loss: float | None


def finetune(
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path | None = None,
    epochs: int = 1,
    layers: str = "all",
    experts: str = "none",
    train_on: str = "",
    max_length: int = 2048,
    pack_length: int | None = None,
    held_out: float = 0.0,
    reasoning: str = "medium",
    last_turn: bool = False,
    rank: int = 16,
    alpha: float = 32.0,
    expert_rank: int = 8,
    expert_alpha: float = 16.0,
    learning_rate: float = 2e-4,
    packs_per_step: int = 1,
    evaluate_every: int = 0,
    patience: int = 0,
    seed: int = 0,
    precision: str | None = None,
    threads: int | None = None,
    weights_cache: str | Path | None = None,
    watcher: Watcher | None = None,
) -> Finetuned:
    """Learn LoRA from rows of conversations, over the model's packed weights; the same call goes on where it stopped.

    data     files of rows: .jsonl, .json, .csv or .parquet
    out      folder of adapter, checkpoint and metrics
    model    as `gptoss.load` takes it
    layers   whose attention learns: all, none, last:N, 7,15 or 0-5; `experts`: whose experts learn as well
    watcher  hears of each layer, step and evaluation; what it raises ends the run, and nothing is lost

    The rest as `gptoss.train.tuning.job.JobOptions` and `gptoss.train.tuning.options.TrainingOptions` have it. Raises
    DataError for files that cannot be read, TrainingError for options, folders and losses that are none, OutputError
    where a file cannot be written, and what opening a model raises.
    """
    from gptoss.runtime import ModelOptions
    from gptoss.runtime.loading import open_base
    from gptoss.train.tuning.job import Job, JobOptions
    from gptoss.train.tuning.options import TrainingOptions

    paths = [data] if isinstance(data, str | Path) else data
    options = JobOptions(
        data=[Path(path).expanduser() for path in paths],
        train_on=train_on,
        max_length=max_length,
        pack_length=pack_length,
        held_out=held_out,
        reasoning=reasoning,
        last_turn=last_turn,
        layers=layers,
        experts=experts,
        rank=rank,
        alpha=alpha,
        expert_rank=expert_rank,
        expert_alpha=expert_alpha,
        precision=precision,
        training=TrainingOptions(
            epochs=epochs,
            learning_rate=learning_rate,
            packs_per_step=packs_per_step,
            evaluate_every=evaluate_every,
            patience=patience,
            seed=seed,
        ),
    )
    base = open_base(ModelOptions(model, threads=threads, weights_cache=weights_cache))
    folder = Path(out).expanduser()
    trainer = Job.of(base, options).trainer(folder, watcher)
    trainer.run()
    done = trainer.progress
    return Finetuned(folder, done.step, done.tokens, done.seconds, done.best)
