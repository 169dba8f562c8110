"""The options of a model, which all commands that open one take: written once, and put into their signatures."""

from __future__ import annotations

import functools
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from gptoss.cli.notice import notice
from gptoss.cli.option_sources import variable
from gptoss.cli.widening import Command, option, widened

if TYPE_CHECKING:
    from gptoss.runtime import ModelOptions

# All of them stand together in the help.
_option = functools.partial(typer.Option, rich_help_panel="Model", show_envvar=False)
# The library itself reads these, as it does without a command line.
_READ_BELOW = ("model", "isa", "weights_cache")

Model = Annotated[
    str | None,
    _option(
        "--model",
        "-m",
        metavar="PATH|NAME",
        help="A pulled model's name (gpt-oss-20b, OWNER/MODEL, either with @REVISION), any name that `gptoss models` "
        "shows (ollama/gpt-oss:20b, OWNER/MODEL/FILE.gguf), a checkpoint's folder, a GGUF file, or nano. "
        "Default: $GPTOSS_MODEL, else a released model that is here and fits, else nano.",
    ),
]
Context = Annotated[
    int | None, _option(metavar="N", help="Tokens of a conversation. Default: the model's.")
]
MaxBatch = Annotated[
    int | None, _option("--max-batch", metavar="N", help="Sequences at once. Default: 16.")
]
Memory = Annotated[
    str | None,
    _option(
        metavar="SIZE",
        help="What all may take, like 16G. Default: what the machine can give.",
    ),
]
Threads = Annotated[int | None, _option(metavar="N", help="Default: all cores.")]
Precision = Annotated[
    str | None,
    _option(metavar="int8|bf16|float32", help="What matrix inputs are rounded to. Default: int8."),
]
Weights = Annotated[
    str | None,
    _option(
        metavar="stored|int8",
        help="Attention and head. Default: int8 at precision int8.",
    ),
]
Kv = Annotated[
    str | None,
    _option("--kv", metavar="bf16|int8", help="How keys and values are kept. Default: bf16."),
]
Isa = Annotated[
    str | None,
    _option("--isa", metavar="NAME", help="Instruction set. Default: the best of this machine."),
]
WeightsCache = Annotated[
    str | None,
    _option(
        "--weights-cache",
        metavar="DIR",
        help="Where weights laid out for this program are kept. "
        "Default: $GPTOSS_WEIGHTS_CACHE, else ~/.cache/gptoss.",
    ),
]
PrefixCache = Annotated[
    str | None,
    _option(
        "--prefix-cache",
        metavar="DIR",
        help="Where what was computed of conversations is kept, so that the next run need not. Default: nowhere.",
    ),
]
Lock = Annotated[
    bool,
    _option("--lock", help="Keep the weights in memory, where nothing takes their place."),
]
_FLAGS: dict[str, Any] = {
    "model": Model,
    "context": Context,
    "max_batch": MaxBatch,
    "memory": Memory,
    "threads": Threads,
    "precision": Precision,
    "weights": Weights,
    "kv": Kv,
    "isa": Isa,
    "weights_cache": WeightsCache,
    "prefix_cache": PrefixCache,
    "lock": Lock,
}
_DEFAULTS = {"lock": False}
# What flags were called in version 0.1, by what they are called now.
_OLD_NAMES = {"weights_cache": "cache", "prefix_cache": "cache_dir"}


def takes_model(*without: str, **fixed: object) -> Callable[[Command], Command]:
    """Give a command the options of a model in the place of its parameter `options`, a ModelOptions.

    `without`: those that would do nothing for it; `fixed`: those that it has no choice of, with their values.
    """
    names = [name for name in _FLAGS if name not in without and name not in fixed]
    flags = {name: option(name, _with_variable(name), _DEFAULTS.get(name)) for name in names}
    old = {_OLD_NAMES[name]: name for name in names if name in _OLD_NAMES}
    flags |= {former: option(former, _hidden(former)) for former in old}

    def make(given: dict[str, Any]) -> ModelOptions:
        from gptoss.runtime import ModelOptions

        found = {**fixed, **{name: given[name] for name in names}}
        for former, name in old.items():
            if given[former] is not None:
                notice(f"{_flag(former)} is called {_flag(name)} now")
                found[name] = given[former] if found[name] is None else found[name]
        return ModelOptions(**found)

    return lambda command: widened(command, "options", flags, make)


def _with_variable(name: str) -> Any:
    """An option that the environment may have as well."""
    kind, info = get_args(_FLAGS[name])
    if name in _READ_BELOW:
        return _FLAGS[name]
    made = copy(info)
    made.envvar = variable(name)
    return Annotated[kind, made]


def _hidden(name: str) -> Any:
    return Annotated[str | None, typer.Option(_flag(name), hidden=True)]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
