"""`gptoss bench`: prefill and decode speed, start-up and memory of one model on this machine."""

from __future__ import annotations

import json as json_module
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from gptoss.cli import flags
from gptoss.cli.model_options import takes_model

if TYPE_CHECKING:
    from gptoss.runtime import ModelOptions


@takes_model("context", "max_batch", "prefix_cache")
def bench(
    prefill: Annotated[int, typer.Option(min=1, help="Tokens of the measured prompt.")] = 512,
    decode: Annotated[int, typer.Option(min=1, help="Measured new tokens.")] = 64,
    depth: Annotated[int, typer.Option(min=0, help="Tokens that are there before.")] = 0,
    batch: Annotated[
        int, typer.Option(min=1, max=256, help="Sequences at once, each with its own prompt.")
    ] = 1,
    json: flags.Json = False,
    *,
    options: ModelOptions,
) -> None:
    """Measure prefill and decode apart: the whole prompt, and the median of the new tokens."""
    from gptoss.cli.loading import open_model
    from gptoss.cli.output import Screen, progress_bar
    from gptoss.runtime.speed import measure_speed

    loaded = open_model(replace(options, max_batch=batch))
    with progress_bar() as progress:
        task = progress.add_task("measuring", total=batch * (depth + prefill + decode))
        result = measure_speed(
            loaded,
            prefill_tokens=prefill,
            decode_tokens=decode,
            depth=depth,
            batch=batch,
            advance=lambda n: progress.advance(task, n),
        )
    if json:
        print(json_module.dumps(result))
        return
    Screen().facts(result)
