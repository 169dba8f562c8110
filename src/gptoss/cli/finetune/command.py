"""`gptoss finetune`: an adapter from rows of conversations."""

from __future__ import annotations

import importlib.util
import json as json_module
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli import flags
from gptoss.cli.interruption import INTERRUPTED
from gptoss.cli.model_options import takes_model
from gptoss.errors import TrainingError

if TYPE_CHECKING:
    from gptoss.cli.output import Screen
    from gptoss.runtime import ModelOptions
    from gptoss.train.tuning.job import Job, JobOptions
    from gptoss.train.tuning.trainer import Trainer

_SHOWN_SAMPLES = 2


@takes_model("context", "max_batch", "kv", "prefix_cache", "precision", "lock")
def finetune(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Rows of conversations: .jsonl, .json, .csv or .parquet (docs/finetuning.md).",
        ),
    ],
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Adapter, checkpoint and metrics; goes on there.")
    ],
    epochs: Annotated[int, typer.Option(metavar="N", help="Passes over the data.")] = 1,
    layers: Annotated[
        str,
        typer.Option(
            metavar="LAYERS", help="Whose attention learns: all, none, last:N, 7,15 or 0-5."
        ),
    ] = "all",
    experts: Annotated[
        str,
        typer.Option(
            metavar="LAYERS", help="Whose experts learn as well: all, none, last:N, 7,15."
        ),
    ] = "none",
    train_on: Annotated[
        str,
        typer.Option(
            metavar="WEIGHTS",
            help="What of the model's own is learnt, such as analysis=1,final=1,tools=1. Default: all of it.",
        ),
    ] = "",
    max_length: Annotated[
        int, typer.Option(metavar="N", help="Tokens of a sample; longer ones are cut.")
    ] = 2048,
    pack_length: Annotated[
        int | None,
        typer.Option(metavar="N", help="Tokens of a pass. Default: 2048, or as a sample."),
    ] = None,
    held_out: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Of rows, whose loss is watched and not learnt from."),
    ] = 0.0,
    reasoning: flags.Reasoning = "medium",
    last_turn: Annotated[
        bool, typer.Option("--last-turn", help="Learn the last turn of each row alone.")
    ] = False,
    rank: Annotated[int, typer.Option(metavar="N", help="Of attention's changes.")] = 16,
    alpha: Annotated[float, typer.Option(metavar="A", help="Their scale is alpha / rank.")] = 32.0,
    expert_rank: Annotated[int, typer.Option(metavar="N", help="Of each expert's changes.")] = 8,
    expert_alpha: Annotated[float, typer.Option(metavar="A", help="As --alpha.")] = 16.0,
    learning_rate: Annotated[float, typer.Option(metavar="R", help="The highest.")] = 2e-4,
    passes: Annotated[
        int, typer.Option(metavar="N", help="Passes whose gradients are summed before a step.")
    ] = 1,
    evaluate_every: Annotated[
        int,
        typer.Option(metavar="STEPS", help="Between looks at held-out rows. Default: an epoch's."),
    ] = 0,
    patience: Annotated[
        int,
        typer.Option(metavar="N", help="End after so many looks that were not better. 0: never."),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of order and first values.")] = 0,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="bf16|float32",
            help="What inputs of experts' products are rounded to. Default: what is faster here.",
        ),
    ] = None,
    keep_prefix: Annotated[
        bool,
        typer.Option(
            "--keep-prefix/--no-keep-prefix",
            help="Keep outputs of layers that do not learn on the disk, for later epochs.",
        ),
    ] = True,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be learnt and what it takes, and end."),
    ] = False,
    json: flags.Json = False,
    *,
    options: ModelOptions,
) -> None:
    """Learn from conversations: low-rank changes (LoRA) of a model's weights, as an adapter in PEFT's format.

    The weights stay packed as they are. Ctrl-C or SIGTERM end it at the next layer, and the same command goes on.
    """
    _require_torch()
    from gptoss.cli.output import Screen
    from gptoss.train.tuning.job import JobOptions
    from gptoss.train.tuning.options import TrainingOptions

    training = TrainingOptions(
        epochs=epochs,
        learning_rate=learning_rate,
        packs_per_step=passes,
        seed=seed,
        evaluate_every=evaluate_every,
        patience=patience,
    )
    wanted = JobOptions(
        data=[Path(each).expanduser() for each in data],
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
        keeps_prefix=keep_prefix,
        training=training,
    )
    screen = None if json else Screen()
    job = _opened(options, wanted)
    if dry_run:
        if screen is None:
            print(json_module.dumps(_facts(job)))
        else:
            _show(job, screen, samples=_SHOWN_SAMPLES)
        return
    trainer = _run(job, Path(out).expanduser(), screen)
    found = {
        "adapter": str(Path(out).expanduser()),
        "steps": trainer.progress.step,
        "tokens": trainer.progress.tokens,
        "seconds": round(trainer.progress.seconds, 1),
        "held_out_loss": trainer.progress.best,
    }
    if screen is None:
        print(json_module.dumps(found))
    else:
        screen.facts({name: value for name, value in found.items() if value is not None})


def _require_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise TrainingError(
            'fine-tuning needs PyTorch, which is not installed: `pip install "gptoss[train]"`'
        )


def _opened(options: ModelOptions, wanted: JobOptions) -> Job:
    """Read data and model, and hold what is wanted to the memory that is there."""
    from gptoss.cli.loading import offer_pull, open_base
    from gptoss.train.tuning.job import Job

    offer_pull(options)
    job = Job.of(open_base(options), wanted)
    job.memory().require(_budget(options))
    return job


def _show(job: Job, screen: Screen, samples: int = 0) -> None:
    """Write what is learnt, with some samples, and the memory that it takes."""
    from gptoss.cli.finetune.preview import show_report, show_sample
    from gptoss.train.tuning.memory import describe, num_parameters

    show_report(job.dataset.report, screen)
    for sample in job.dataset.samples[:samples]:
        screen.write("\n")
        show_sample(sample, job.base.tokenizer, screen)
    screen.write("\n" if samples else "")
    screen.facts(
        {
            "model": job.base.name,
            "numbers that learn": num_parameters(job.base.checkpoint.config, job.lora),
            "passes an epoch": len(job.packs),
            "tokens an epoch": sum(map(len, job.packs)),
            "memory": describe(job.memory()),
        }
    )


def _budget(options: ModelOptions) -> int:
    from gptoss.runtime.machine_memory import available_memory

    return options.budget() or available_memory() or 1 << 62


def _facts(job: Job) -> dict[str, Any]:
    from gptoss.train.data.dataset import left_out_lines

    report = job.dataset.report
    return {
        "rows": report.rows,
        "samples": report.samples,
        "tokens": report.tokens,
        "tokens_learnt": report.learnt,
        "tokens_of": {str(kind): count for kind, count in report.tokens_of.items()},
        "left_out": left_out_lines(report),
        "passes": len(job.packs),
        "memory_bytes": job.memory().total,
    }


def _run(job: Job, out: Path, screen: Screen | None) -> Trainer:
    from gptoss.cli.finetune.progress import Stopped, TuningProgress
    from gptoss.cli.notice import notice

    progress = TuningProgress(job.layers_each_step())
    trainer = job.trainer(out, progress)
    if trainer.is_done:
        notice(f"{out} holds this run, and it is done")
        return trainer
    if screen is not None:
        _show(job, screen)
    progress.begin(trainer)
    try:
        with progress:
            trainer.run()
    except Stopped as stopped:
        notice(f"stopped after {trainer.progress.step:,} steps; the same command goes on")
        raise typer.Exit(INTERRUPTED if stopped.by == signal.SIGINT else 0) from None
    return trainer
