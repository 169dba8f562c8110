"""`gptoss synth`: a random-weight checkpoint of the real size, to measure speed and memory with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def synth(
    directory: Annotated[Path, typer.Argument(help="A folder to make.")],
    layers: Annotated[int, typer.Option(min=1, max=64, help="24 is the 20B.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights.")] = 0,
) -> None:
    """Write random weights in the released layout and the exact shapes of GPT-OSS 20B (13.8 GB).

    The model answers nonsense; its vocabulary's text is nano's.
    """
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from gptoss.cli.output import progress_bar
    from gptoss.files.room import require_room
    from gptoss.model.safetensors_writer import cannot_write
    from gptoss.model.synth import checkpoint_bytes, gpt_oss_20b, write_checkpoint
    from gptoss.nano import checkpoint_path

    config = gpt_oss_20b(layers)
    total = checkpoint_bytes(config)
    try:
        require_room(directory, total)
    except OSError as error:
        raise cannot_write(directory, error) from None
    names = ("tokenizer.json", "tokenizer_config.json")
    files = {name: (checkpoint_path() / name).read_bytes() for name in names}
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with progress_bar(*columns) as progress:
        task = progress.add_task("", total=total)
        write_checkpoint(
            directory, config, seed=seed, files=files, advance=lambda n: progress.advance(task, n)
        )
    print(f"wrote {total:,} bytes of random weights to {directory}")
