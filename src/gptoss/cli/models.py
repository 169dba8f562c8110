"""`gptoss models`: which models are on this machine."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Any

from gptoss.cli import flags

if TYPE_CHECKING:
    from gptoss.runtime.found_models import FoundModel


def models(json: flags.Json = False) -> None:
    """Show the models on this machine: size, form, the memory that a conversation of 4,096 tokens takes.

    The embedded one, that of $GPTOSS_MODEL, and those in the hub's cache.
    """
    from gptoss.cli.output import Screen
    from gptoss.runtime.found_models import find_models
    from gptoss.runtime.machine_memory import GIB, available_memory

    budget, found = available_memory(), list(find_models())
    if json:
        facts = [_facts(model, budget) for model in found]
        print(json_module.dumps({"models": facts, "budget": budget}))
        return
    screen = Screen()
    width = 2 + max(len(model.name) for model in found)
    for model in found:
        screen.write(f"{model.name:<{width}}", "bold")
        if model.problem is not None:
            screen.write(f"{model.problem}\n", "yellow")
            continue
        screen.write(f"{model.num_bytes / 1e9:>7.2f} GB  {model.form:<28}")
        screen.write(f"takes {model.takes / GIB:5.1f} GiB")
        if budget is not None and model.takes > budget:
            screen.write(f", does not fit into {budget / GIB:.1f}", "red")
        screen.write(f"  {model.origin}\n")


def _facts(model: FoundModel, budget: int | None) -> dict[str, Any]:
    is_known = model.problem is None
    return {
        "name": model.name,
        "origin": model.origin,
        "directory": None if model.directory is None else str(model.directory),
        "form": model.form if is_known else None,
        "bytes": model.num_bytes if is_known else None,
        "takes_bytes": model.takes if is_known else None,
        "fits": is_known and (budget is None or model.takes <= budget),
        "problem": model.problem,
    }
