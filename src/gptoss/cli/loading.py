"""Opens the model of a command, and shows what takes long at the first start."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from gptoss.cli.asking import agrees, can_ask
from gptoss.cli.notice import notice
from gptoss.cli.output import Screen, progress_bar
from gptoss.errors import CheckpointError, MissingModelError
from gptoss.files.sizes import disk_size
from gptoss.hub.cache import cache_folder
from gptoss.hub.released import RELEASED_BYTES

if TYPE_CHECKING:
    from rich.progress import Progress

    from gptoss.cli.tools import Toolbox
    from gptoss.runtime import LoadedModel, ModelOptions
    from gptoss.runtime.loading import Base


def open_model(options: ModelOptions) -> LoadedModel:
    """The model, ready; packing its weights is shown, and what it warns of is said."""
    from gptoss import runtime

    with warnings.catch_warnings(record=True) as caught, _packing_bar() as progress:
        warnings.simplefilter("always", UserWarning)
        loaded = runtime.open_model(options, _PackingProgress(progress).show)
    for warning in caught:
        notice(warning.message)
    return loaded


def open_base(options: ModelOptions) -> Base:
    """The model's weights alone, ready; packing them is shown, and what it warns of is said."""
    from gptoss.runtime import loading

    with warnings.catch_warnings(record=True) as caught, _packing_bar() as progress:
        warnings.simplefilter("always", UserWarning)
        base = loading.open_base(options, _PackingProgress(progress).show)
    for warning in caught:
        notice(warning.message)
    return base


def announce(loaded: LoadedModel, options: ModelOptions) -> None:
    """Say in a line on standard error which model answers, in which form, and what it takes.

    Only to a person at a terminal, and to whoever named no model and is given another than the embedded one.
    """
    from gptoss.nano import NAME
    from gptoss.runtime.description import describe

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        screen = Screen(console)
        screen.write(f"{loaded.name}  ", "bold")
        screen.write(f"{describe(loaded)}\n", "dim")
    elif _named(options) is None and loaded.name != NAME:
        notice(f"{loaded.name}: {describe(loaded)}")


def announce_tools(box: Toolbox) -> None:
    """Say in a line on standard error what the model may call, and in which sandbox; to a person at a terminal only."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if box.tools and console.is_terminal:
        names = ", ".join(tool.recipient.removeprefix("functions.") for tool in box.tools)
        where = "" if box.rung is None else f" (python in a sandbox: {box.rung})"
        Screen(console).write(f"tools: {names}{where}\n", "dim")


def offer_pull(options: ModelOptions) -> None:
    """Ask a person at a terminal whether to fetch a model of the hub that is named and not here, and fetch it.

    Where nobody can be asked, or the answer is no, whoever opens the model says what is missing.
    """
    from gptoss.cli.pull import fetch_missing
    from gptoss.runtime.locating import locate_model

    name = _named(options)
    if name is None or not can_ask():
        return
    try:
        locate_model(name)
    except MissingModelError as error:
        size = RELEASED_BYTES.get(error.repo)
        much = "" if size is None else f", {disk_size(size)}"
        if agrees(f"{error.repo} is not here: pull it now{much} into {cache_folder()}?"):
            fetch_missing(error.repo, error.revision)
    except CheckpointError:
        return


def _named(options: ModelOptions) -> str | Path | None:
    """The model that the person named, by the option or the variable."""
    from gptoss.runtime.locating import MODEL_VARIABLE

    return os.environ.get(MODEL_VARIABLE) or None if options.model is None else options.model


class _PackingProgress:
    """Shows how far the laying out of weights is, and says once what it makes and where."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("laying out", total=None, visible=False)
        self._said: set[Path | None] = set()

    def show(self, done: int, total: int, path: Path | None) -> None:
        """Bytes done of bytes in all, for a file, or for memory alone."""
        if path not in self._said:
            self._said.add(path)
            size = disk_size(total)
            notice(
                f"laying out the weights in memory, {size}"
                if path is None
                else f"laying out the weights for this machine, once: {size} into {path.parent}"
            )
        self._progress.update(self._task, completed=done, total=total, visible=True)


def _packing_bar() -> Progress:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}")
    return progress_bar(text, BarColumn(), DownloadColumn(), TimeRemainingColumn())
