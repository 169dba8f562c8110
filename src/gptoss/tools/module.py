"""Tools of a Python file that the operator names: never one that a request, a model or the current folder names."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from gptoss.errors import MessageError, RequestError, shown
from gptoss.tools.functions import function_tool
from gptoss.tools.tool import Tool

_NAME = "gptoss_tools_module"


def module_tools(path: Path) -> list[Tool]:
    """The tools of a file: its list `TOOLS` of functions and tools, else all public functions that it defines.

    The file is run with the rights of this process. Raises RequestError for one that cannot be, or that has no tools.
    """
    module = _loaded(path)
    given = getattr(module, "TOOLS", None)
    if given is None:
        given = [
            value
            for name, value in vars(module).items()
            if not name.startswith("_")
            and inspect.isfunction(value)
            and value.__module__ == module.__name__
        ]
    if not isinstance(given, Iterable):
        raise RequestError(f"got {type(given).__name__} as TOOLS of {path}, wanted a list")
    found = [_tool(each, path) for each in given]
    if not found:
        raise RequestError(f"got no function in {path}, wanted a public one or a list TOOLS")
    return found


def _loaded(path: Path) -> ModuleType:
    if not path.is_file():
        raise RequestError(f"got {shown(str(path))} as a file of tools, which is no file; name one")
    spec = importlib.util.spec_from_file_location(_NAME, path)
    if spec is None or spec.loader is None:
        raise RequestError(
            f"got {shown(str(path))} as a file of tools, wanted one that ends in .py"
        )
    module = importlib.util.module_from_spec(spec)
    # Annotations are looked up there.
    sys.modules[_NAME] = module
    try:
        spec.loader.exec_module(module)
    # The file may do anything.
    except Exception as error:
        sys.modules.pop(_NAME, None)
        raise RequestError(
            f"{path} cannot be run: {type(error).__name__}: {error}; mend it, or leave it out"
        ) from error
    return module


def _tool(given: object, path: Path) -> Tool:
    if isinstance(given, Tool):
        return given
    if not callable(given):
        raise RequestError(f"got {shown(given)} among TOOLS of {path}, wanted functions and tools")
    try:
        return function_tool(given)
    except MessageError as error:
        raise RequestError(f"{path}: {error}") from None
