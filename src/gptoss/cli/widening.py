"""Options that several commands share, put into their signatures: Typer reads nothing else."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

Command = Callable[..., None]


def widened(
    command: Command,
    parameter: str,
    flags: Mapping[str, inspect.Parameter],
    make: Callable[[dict[str, Any]], object],
) -> Command:
    """The command with options in the place of one parameter, which `make` makes of their values."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        found = {name: given.pop(name) for name in flags}
        command(**given, **{parameter: make(found)})

    # What stands for the parameter is not imported before a command runs.
    unknown = {"ModelOptions": Any, "SamplingParams": Any}
    kinds = get_type_hints(command, localns=unknown, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for each in inspect.signature(command).parameters.values():
        if each.name == parameter:
            parameters += flags.values()
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(each.replace(kind=kind, annotation=kinds[each.name]))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    # Typer reads both.
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def option(name: str, annotation: Any, default: object = None) -> inspect.Parameter:
    """One of the options."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
