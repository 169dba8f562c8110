"""What else others build on: the OpenAPI document, the commands' help, and the public names of the package."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.net import made, replay
from tests.net.cases import Sent

_PACKAGES = (
    "gptoss",
    "gptoss.harmony",
    "gptoss.chat",
    "gptoss.tools",
    "gptoss.structured",
    "gptoss.engine",
)
_TERMINAL = {
    **{"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"},
    "PYTHONIOENCODING": "utf-8",
}
_UNTOLD = {"FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "LINES"}


def openapi() -> str:
    """The document, its keys sorted."""
    got = replay.answer_of(Sent("GET", "/openapi.json", [["host", "localhost"]]))
    return json.dumps(json.loads(got), sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def help_of_all() -> str:
    """`--help` of the program and of each of its commands."""
    names = made.commands()
    told = [_help()] + [_help(name) for name in names]
    return "\n".join(told)


def _help(*command: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _UNTOLD and not name.startswith("GPTOSS_")
    }
    arguments = [*command, "--help"]
    done = subprocess.run(
        [sys.executable, "-m", "gptoss", *arguments],
        env={**environment, **_TERMINAL},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    lines = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
    return f"$ gptoss {' '.join(arguments)}\n{lines}"


def public_names() -> str:
    """Everything that is exported, one line for each name, field and method."""
    lines = []
    for package in _PACKAGES:
        module = importlib.import_module(package)
        for name in sorted(module.__all__):
            lines += _told(f"{package}.{name}", getattr(module, name))
    return "".join(f"{line}\n" for line in lines)


def _told(name: str, value: Any) -> Iterator[str]:
    if inspect.ismodule(value):
        yield f"{name}: module"
    elif inspect.isclass(value):
        yield from _class(name, value)
    elif inspect.isroutine(value):
        yield f"{name}{_signature(value)}"
    else:
        yield f"{name} = {_plain(value)}"


def _class(name: str, value: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    yield f"class {name}({bases})"
    if issubclass(value, enum.Enum):
        yield from (f"  {name}.{member.name} = {member.value!r}" for member in value)
        return
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield f"  {name}.{field.name}: {field.type}{_default(field)}"
    elif "__init__" in vars(value):
        yield f"  {name}.__init__{_signature(vars(value)['__init__'])}"
    for member, made_of in sorted(vars(value).items()):
        if member.startswith("_") and member not in ("__enter__", "__exit__", "__call__"):
            continue
        inner = made_of.__func__ if isinstance(made_of, classmethod | staticmethod) else made_of
        if isinstance(inner, property) or hasattr(inner, "func"):
            got = getattr(inner, "fget", None) or inner.func
            result = inspect.signature(got).return_annotation
            yield f"  {name}.{member} -> {result}"
        elif inspect.isfunction(inner):
            kind = "" if inner is made_of else f"{type(made_of).__name__} "
            yield f"  {kind}{name}.{member}{_signature(inner)}"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {_plain(field.default)}"
    if field.default_factory is not dataclasses.MISSING:
        return f" = {getattr(field.default_factory, '__name__', 'made')}()"
    return ""


def _signature(function: Any) -> str:
    found = inspect.signature(function)
    parameters = [
        each.replace(annotation=_annotation(each.annotation)) for each in found.parameters.values()
    ]
    result = _annotation(found.return_annotation)
    return _plain(found.replace(parameters=parameters, return_annotation=result))


class _Bare(str):
    """An annotation, which is text everywhere, without quotes around it."""

    def __repr__(self) -> str:
        return str(self)


def _annotation(given: Any) -> Any:
    return _Bare(given) if isinstance(given, str) else given


def _plain(value: Any) -> str:
    # Where in the package a type stands is its own affair.
    return re.sub(r" at 0x[0-9a-f]+|\bgptoss\.(?:\w+\.)*(?=[A-Z])", "", str(value))
