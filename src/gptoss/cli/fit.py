"""`gptoss fit`: will it fit into memory, and how."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import typer

from gptoss.cli import flags
from gptoss.cli.model_options import takes_model
from gptoss.files.sizes import disk_size, memory_size

if TYPE_CHECKING:
    from gptoss.runtime import ModelOptions
    from gptoss.runtime.fitting import Way

# As `grep` says that it found nothing.
DOES_NOT_FIT = 1


@takes_model("threads", "isa", "weights_cache", "prefix_cache", "lock")
def fit(json: flags.Json = False, *, options: ModelOptions) -> None:
    """Show what a model and its context take, and which options fit; nothing is loaded.

    Exits with 1 where the options given do not fit.
    """
    from gptoss.cli.output import Screen
    from gptoss.model.checkpoint import open_checkpoint
    from gptoss.runtime.fitting import least_way, packed_bytes, ways_to_fit, weights_of
    from gptoss.runtime.locating import locate_model
    from gptoss.runtime.machine_memory import available_memory
    from gptoss.runtime.memory_plan import largest_fit, plan_memory

    name, directory = locate_model(options.model, must_fit=False)
    checkpoint = open_checkpoint(directory)
    _, weight_type, cache_type = options.numbers()
    most = checkpoint.config.max_positions
    chosen = options.engine_options(most)
    budget = options.budget()
    budget = available_memory() if budget is None else budget
    ways = [] if budget is None else ways_to_fit(checkpoint, chosen, budget)
    weights, whole = (
        weights_of(checkpoint, weight_type),
        replace(chosen, context=chosen.context or most),
    )
    found = (
        whole
        if budget is None
        else largest_fit(checkpoint.config, weights, whole, cache_type, budget)
    )
    fits = found is not None
    plan = plan_memory(checkpoint.config, weights, found or whole, cache_type)
    facts: dict[str, Any] = {
        "model": name,
        "weights": str(weight_type),
        "kv": str(cache_type),
        "context": chosen.context or most,
        "max_batch": chosen.max_running,
        "bytes": {**asdict(plan), "total": plan.total},
        "packed_bytes": packed_bytes(checkpoint, weight_type),
        "budget": budget,
        "fits": fits,
        "ways": [_facts(way) for way in ways],
        "least": None if fits or ways else _facts(least_way(checkpoint, chosen)),
    }
    if json:
        print(json_module.dumps(facts))
    else:
        _show(Screen(), facts)
    if not fits:
        raise typer.Exit(DOES_NOT_FIT)


def _facts(way: Way) -> dict[str, Any]:
    return {
        "weights": str(way.weight_type),
        "kv": str(way.cache_type),
        "context": way.context,
        "max_batch": way.options.max_running,
        "total": way.plan.total,
    }


def _show(screen: Any, facts: dict[str, Any]) -> None:
    def size(num_bytes: int) -> str:
        return f"{memory_size(num_bytes):>12}"

    said = {
        "weights": f"weights, {facts['weights']}",
        "embedding": "embedding, from its file",
        "keys": f"full layers' keys and values, {facts['kv']}",
        "windows": "sliding layers' and prefixes'",
        "scratch": "buffers",
        "process": "interpreter and libraries",
        "total": "all of it",
    }
    screen.write(
        f"{facts['model']}, {facts['context']:,} tokens of context, {facts['max_batch']} sequences\n",
        "bold",
    )
    for part, num_bytes in facts["bytes"].items():
        screen.write(f"  {said[part]:<38}{size(num_bytes)}\n", "bold" if part == "total" else None)
    if facts["packed_bytes"]:
        on_disk = f"{disk_size(facts['packed_bytes']):>12}"
        screen.write(f"  {'on the disk, from the first start on':<38}{on_disk}\n")
    if facts["budget"] is None:
        return
    screen.write(f"  {'to be had':<38}{size(facts['budget'])}\n")
    if facts["fits"]:
        screen.write("it fits\n", "green")
    else:
        missing = memory_size(facts["bytes"]["total"] - facts["budget"])
        screen.write(f"it does not fit: {missing} too much\n", "red")
    if facts["ways"]:
        screen.write("what fits, most exact first:\n", "bold")
    elif facts["least"]:
        missing = memory_size(facts["least"]["total"] - facts["budget"])
        screen.write(f"nothing fits; the least, which takes {missing} more:\n", "bold")
    for way in facts["ways"] or filter(None, [facts["least"]]):
        screen.write(
            f"  --weights {way['weights']:<6} --kv {way['kv']:<4} --context {way['context']:<6} "
            f"--max-batch {way['max_batch']:<2}{size(way['total'])}\n"
        )
