"""`gptoss cache`: what is kept on the disk for speed, and how to be rid of it."""

from __future__ import annotations

import json as json_module
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli import flags
from gptoss.cli.model_options import WeightsCache
from gptoss.cli.notice import escaped, notice
from gptoss.errors import RequestError, listed, shown
from gptoss.files.sizes import disk_size

if TYPE_CHECKING:
    from gptoss.runtime.caches import CachedFile

cache = typer.Typer(
    help="Show or remove what is kept on the disk for speed: packed weights, and prefixes of conversations.",
    no_args_is_help=True,
)
PrefixCache = Annotated[
    str | None,
    typer.Option("--prefix-cache", metavar="DIR", help="A folder of prefixes as well."),
]


@cache.command("list")
def list_files(
    weights_cache: WeightsCache = None,
    prefix_cache: PrefixCache = None,
    json: flags.Json = False,
) -> None:
    """Show each file: its size, when it was read last, and whether it still is."""
    from gptoss.cli.output import Screen

    folders = _folders(weights_cache, prefix_cache)
    files = _files(folders)
    if json:
        print(json_module.dumps({"files": [_facts(file) for file in files]}))
        return
    screen = Screen()
    if not files:
        screen.write(f"nothing is kept in {listed(map(str, folders))}\n")
        return
    for file in files:
        what = file.path.name if file.kind == "unfinished" else file.model
        screen.write(f"{disk_size(file.num_bytes):>9}  ")
        screen.write(f"{escaped(what):<28}", "bold")
        screen.write(f"{file.form or file.kind:<12}{_ago(file.last_used)}")
        screen.write(f", not used: {escaped(file.unused)}\n" if file.unused else "\n", "yellow")
    total = sum(file.num_bytes for file in files)
    screen.write(f"{disk_size(total):>9}  in all\n", "bold")


@cache.command("clear")
def clear(
    model: Annotated[
        list[str] | None, typer.Argument(help="Names as in the list. Default: all of them.")
    ] = None,
    unused: Annotated[
        bool, typer.Option("--unused", help="Only what is not used any more.")
    ] = False,
    weights_cache: WeightsCache = None,
    prefix_cache: PrefixCache = None,
) -> None:
    """Remove files that this program has made; they are made anew when they are needed."""
    from gptoss.cli.output import Screen
    from gptoss.runtime.caches import remove

    files = _files(_folders(weights_cache, prefix_cache))
    names = {file.model for file in files if file.model}
    for name in model or ():
        if name not in names:
            wanted = listed(sorted(names)) or "none: nothing is kept there"
            raise RequestError(f"got the name {shown(name)}, wanted {wanted}")
    screen, freed = Screen(), 0
    for file in files:
        if (model and file.model not in model) or (unused and not file.unused):
            continue
        if file.kind == "unfinished" and not file.unused:
            notice(f"left {file.path}, which is being written")
            continue
        remove(file)
        freed += file.num_bytes
        screen.write(f"removed {escaped(file.path)}\n")
    screen.write(f"freed {disk_size(freed)}\n", "bold")


def _folders(weights_cache: str | None, prefix_cache: str | None) -> list[Path]:
    """Where such files are kept, each folder once."""
    from gptoss.runtime.packed_weights import cache_directory

    folders = [
        cache_directory() if weights_cache is None else Path(weights_cache).expanduser(),
        *(() if prefix_cache is None else (Path(prefix_cache).expanduser(),)),
    ]
    return list(dict.fromkeys(folders))


def _files(folders: list[Path]) -> list[CachedFile]:
    from gptoss.runtime.caches import cached_files

    return [file for folder in folders for file in cached_files(folder)]


def _facts(file: CachedFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "kind": file.kind,
        "model": file.model,
        "form": file.form,
        "bytes": file.num_bytes,
        "last_used": int(file.last_used),
        "unused": file.unused,
    }


def _ago(then: float) -> str:
    """When something was, as a person says it."""
    days = int((time.time() - then) // 86_400)
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
