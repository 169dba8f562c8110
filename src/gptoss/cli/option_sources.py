"""Where options come from when not from the command line: the environment, or a file; said where one is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand

from gptoss.errors import GptossError, listed

PREFIX = "GPTOSS_"
# Read where no option is: by the library, and by the tests.
_OTHERS = {
    *("GPTOSS_API_KEY", "GPTOSS_BF16_PAIRS", "GPTOSS_ISA", "GPTOSS_MODEL"),
    *("GPTOSS_WEIGHTS_CACHE", "GPTOSS_CACHE"),
}
_OF_TESTS = "GPTOSS_TEST_"
# Kubernetes puts these into every container for a service of the name `gptoss`.
_OF_KUBERNETES = re.compile(r"GPTOSS_SERVICE_(HOST|PORT\w*)|GPTOSS_PORT_\w+")
_FILE = "gptoss.config"


class SourcedCommand(TyperCommand):
    """A command whose errors name the variable, or the line of the file, that the value at fault came from."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the options. Raises typer.BadParameter for a value that is none."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            name = getattr(error.param, "name", None)
            if name and (origin := _origin(ctx, name)):
                error.message = f"{error.message.removesuffix('.')}; it is from {origin}"
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except GptossError as error:
            error.args = (_with_origins(ctx, str(error)),)
            raise


def variable(name: str) -> str:
    """The environment variable of an option."""
    return f"{PREFIX}{name.upper()}"


def remember_file(context: typer.Context, file: str, text: str, names: Iterable[str]) -> None:
    """Keep where in a file of TOML the options of these names stand."""
    lines = text.splitlines()
    context.meta[_FILE] = {
        name: f"{file}, line {number}"
        for name in names
        for number, line in enumerate(lines, 1)
        if re.match(rf"\s*[\"']?{re.escape(name).replace('_', '[-_]')}[\"']?\s*=", line)
    }


def unknown_variables(commands: Iterable[Any], environment: Mapping[str, str] = os.environ) -> str:
    """What is to be said of variables that look like options and are none; empty where there are none.

    commands  those of the command line, with their parameters
    """
    known = _OTHERS | {
        each.envvar
        for command in commands
        for each in command.params
        if isinstance(each.envvar, str)
    }
    unknown = [
        name
        for name in sorted(environment)
        if name.startswith(PREFIX)
        and name not in known
        and not name.startswith(_OF_TESTS)
        and not _OF_KUBERNETES.fullmatch(name)
    ]
    if not unknown:
        return ""
    return f"got {listed(unknown)} in the environment, which no option has; `gptoss serve --help` names those there are"


def forget_service_links(environment: dict[str, str] | os._Environ[str] = os.environ) -> bool:
    """Whether GPTOSS_PORT was Kubernetes' own, as in tcp://10.0.0.1:80, and was taken out."""
    is_link = environment.get("GPTOSS_PORT", "").startswith(("tcp://", "udp://"))
    if is_link:
        del environment["GPTOSS_PORT"]
    return is_link


def _origin(context: Any, name: str) -> str:
    """Where the value of an option came from; empty for the command line and for defaults."""
    source = context.get_parameter_source(name)
    if source is None:
        return ""
    if source.name == "ENVIRONMENT":
        return f"${variable(name)}"
    if source.name == "DEFAULT_MAP":
        return str(context.meta.get(_FILE, {}).get(name, context.params.get("config") or "a file"))
    return ""


def _with_origins(context: Any, told: str) -> str:
    """An error with where the values that it shows came from."""
    found = [
        f"--{name.replace('_', '-')} is from {origin}"
        for name, value in context.params.items()
        if (origin := _origin(context, name)) and _is_shown(value, told) and origin not in told
    ]
    return f"{told} ({'; '.join(found)})" if found else told


def _is_shown(value: object, told: str) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return any(
        re.search(rf"(?<!\w){re.escape(str(each))}(?!\w)", told) is not None
        for each in values
        if each not in (None, "", True, False)
    )
