"""`gptoss models`: which models are on this machine, and how to be rid of one."""

from __future__ import annotations

import json as json_module
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli import flags
from gptoss.cli.asking import agrees, can_ask
from gptoss.cli.model_options import WeightsCache
from gptoss.cli.notice import escaped, notice
from gptoss.errors import RemovalError
from gptoss.files.sizes import disk_size, memory_size

if TYPE_CHECKING:
    from gptoss.cli.output import Screen
    from gptoss.runtime.found_models import FoundModel
    from gptoss.runtime.removal import Removal

models = typer.Typer(invoke_without_command=True)


@models.callback()
def list_models(context: typer.Context, json: flags.Json = False) -> None:
    """Show the models on this machine: size, form, and what each takes with a conversation of 4,096 tokens.

    The embedded one, that of $GPTOSS_MODEL, those in the hub's cache, and those of Ollama, LM Studio and llama.cpp.
    """
    from gptoss.cli.output import Screen
    from gptoss.runtime.found_models import find_models
    from gptoss.runtime.machine_memory import available_memory

    if context.invoked_subcommand is not None:
        return
    budget, found = available_memory(), list(find_models())
    if json:
        facts = [_facts(model, budget) for model in found]
        print(json_module.dumps({"models": facts, "budget": budget}))
        return
    _show(Screen(), found, budget)


@models.command("rm")
def remove(
    name: Annotated[
        str, typer.Argument(help="As `gptoss models` shows it; NAME@COMMIT of several.")
    ],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; also if it is another program's.")
    ] = False,
    weights_cache: WeightsCache = None,
) -> None:
    """Remove a model from this machine, with the packed weights that were made of it.

    Of the hub's cache what no other revision needs. A file of Ollama, LM Studio or llama.cpp only with --yes.
    """
    from gptoss.cli.output import Screen
    from gptoss.hub.removal import remove_paths
    from gptoss.runtime.caches import remove as remove_cached
    from gptoss.runtime.packed_weights import cache_directory
    from gptoss.runtime.removal import plan_removal

    folder = cache_directory() if weights_cache is None else Path(weights_cache).expanduser()
    removal = plan_removal(name, folder)
    if not yes and not _is_agreed(removal):
        raise typer.Exit(1)
    freed = remove_paths(removal.paths)
    for file in removal.packed:
        remove_cached(file)
        freed += file.num_bytes
    Screen().write(f"freed {disk_size(freed)}\n", "bold")


def _show(screen: Screen, found: list[FoundModel], budget: int | None) -> None:
    """A line for each; where a terminal is too narrow for one of them, names have lines of their own."""
    names = [escaped(model.name) for model in found]
    name_width = 2 + max(map(len, names))
    form_width = 2 + max(len(model.form) for model in found)
    rows = [
        (name, _described(model, budget, form_width))
        for name, model in zip(names, found, strict=True)
    ]
    widest = name_width + max(sum(len(text) for text, _ in row) for _, row in rows)
    is_narrow = screen.is_terminal and widest > shutil.get_terminal_size().columns
    for name, row in rows:
        screen.write(f"{name}\n  " if is_narrow else f"{name:<{name_width}}", "bold")
        for text, style in row:
            screen.write(text, style)
        screen.write("\n")


def _described(
    model: FoundModel, budget: int | None, form_width: int
) -> list[tuple[str, str | None]]:
    """Pieces of a line about a model, and their styles."""
    if model.problem is not None:
        return [(escaped(model.problem), "yellow")]
    takes = f"takes {memory_size(model.takes):>9}"
    if model.packed_bytes:
        takes += f" and {disk_size(model.packed_bytes)} more of disk"
    row: list[tuple[str, str | None]] = [
        (f"{disk_size(model.num_bytes):>9}  {model.form:<{form_width}}{takes}", None)
    ]
    if budget is not None and model.takes > budget:
        row.append((f", does not fit into {memory_size(budget)}", "red"))
    return [*row, (f"  {model.origin}", "dim")]


def _is_agreed(removal: Removal) -> bool:
    """Asks. Raises RemovalError where that is not enough, or nobody can be asked."""
    from gptoss.hub.cache import cache_folder
    from gptoss.runtime.found_models import HUB_CACHE, OLLAMA
    from gptoss.runtime.ollama import PREFIX

    size = disk_size(removal.num_bytes)
    if removal.origin != HUB_CACHE:
        command = f" (`ollama rm {removal.name.removeprefix(PREFIX)}`)" * (removal.origin == OLLAMA)
        raise RemovalError(
            f"{removal.name} ({size}) belongs to {removal.origin}; remove it there{command}, or insist with --yes"
        )
    if not can_ask():
        raise RemovalError(
            f"{removal.name} ({size}) is in the hub's cache, which other programs share, and nobody can be asked "
            "here; say --yes"
        )
    notice(
        f"{removal.name}: {size} in {cache_folder()}, which transformers, vLLM and others share: they lose it too"
    )
    for file in removal.packed:
        notice(f"its packed weights: {disk_size(file.num_bytes)} in {file.path.parent}")
    return agrees("remove it?")


def _facts(model: FoundModel, budget: int | None) -> dict[str, Any]:
    is_known = model.problem is None
    return {
        "name": model.name,
        "origin": model.origin,
        "path": None if model.path is None else str(model.path),
        "form": model.form if is_known else None,
        "bytes": model.num_bytes if is_known else None,
        "packed_bytes": model.packed_bytes if is_known else None,
        "takes_bytes": model.takes if is_known else None,
        "fits": is_known and (budget is None or model.takes <= budget),
        "problem": model.problem,
    }
