"""Opens the model of a command, and shows what takes long at the first start."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss.cli.notice import notice
from gptoss.cli.output import progress_bar

if TYPE_CHECKING:
    from gptoss.runtime import LoadedModel, ModelOptions


def open_model(options: ModelOptions) -> LoadedModel:
    """The model, ready; packing its weights is shown, and what it warns of is said."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

    from gptoss import runtime

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with warnings.catch_warnings(record=True) as caught, progress_bar(*columns) as progress:
        warnings.simplefilter("always", UserWarning)
        is_said: list[bool] = []
        task = progress.add_task("laying out the weights, once", total=None, visible=False)

        def show(done: int, total: int, _: Path | None) -> None:
            if progress.disable and not is_said:
                is_said.append(True)
                notice(f"laying out {total / 1e9:.1f} GB of weights, once")
            progress.update(task, completed=done, total=total, visible=True)

        loaded = runtime.open_model(options, show)
    for warning in caught:
        notice(warning.message)
    return loaded
