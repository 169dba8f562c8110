"""Runs a cell as a notebook does: in one scope, with the last expression echoed."""

from __future__ import annotations

import ast
import builtins
import linecache
import re
import sys
import traceback
import types
from typing import Any

_NAME = "<cell "
_AWAITS = 0x80
# Sources of so many cells are kept, for the lines that a traceback shows.
_MOST_SOURCES = 256
_SHELL = re.compile(r"^[ \t]*[!%](\S*)", re.MULTILINE)
_PIP = re.compile(r"^[ \t]*(?:[!%][ \t]*)?(?:python3?[ \t]+-m[ \t]+)?pip3?[ \t]+\w", re.MULTILINE)
NO_PIP = "pip cannot work here: there is no network and no other process; use the packages that are there"
NO_SHELL = (
    "there is no shell here, and no other process; use Python's own functions (os.listdir, open)"
)


class Notebook:
    """The scope of all cells of one process. `value` is that of the last cell's last expression, or None."""

    def __init__(self) -> None:
        # A module, so that classes defined in it can be pickled and found by their name.
        self._main = types.ModuleType("__main__")
        self._main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = self._main
        self._count = 0
        self._loop: Any = None
        self.value: object = None

    def run(self, source: str) -> str:
        """The text of the last expression's value, empty where there is none. Raises what the code raises."""
        self.value = None
        self._count += 1
        name = f"{_NAME}{self._count}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        linecache.cache.pop(f"{_NAME}{self._count - _MOST_SOURCES}>", None)
        _refuse_shell(source)
        body, last = _parsed(source, name)
        scope = self._main.__dict__
        if body is not None:
            self._execute(body, scope)
        if last is None:
            return ""
        value = self._execute(last, scope)
        if value is None:
            return ""
        scope["_"] = self.value = value
        return repr(value)

    def _execute(self, code: types.CodeType, scope: dict[str, Any]) -> object:
        if not code.co_flags & _AWAITS:
            return eval(code, scope)
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        try:
            return self._loop.run_until_complete(eval(code, scope))
        except KeyboardInterrupt:
            # What was under way in it would go on in the next cell.
            self._loop.close()
            raise


def told(error: BaseException) -> str:
    """An error as the cell's author needs it: the lines that are theirs, and the error."""
    shown = traceback.TracebackException.from_exception(error, limit=-64)
    _keep_own(shown, 0)
    return "".join(shown.format())


def _refuse_shell(source: str) -> None:
    try:
        ast.parse(source)
    except SyntaxError:
        if _PIP.search(source):
            raise RuntimeError(NO_PIP) from None
        if _SHELL.search(source):
            raise RuntimeError(NO_SHELL) from None
    except (ValueError, RecursionError, MemoryError):
        # The same happens where it is compiled, and is told there.
        return


def _parsed(source: str, name: str) -> tuple[types.CodeType | None, types.CodeType | None]:
    """All but the last expression, and that one; either may be missing."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, name, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    last: types.CodeType | None = None
    # As in a notebook, a semicolon keeps the value quiet.
    is_quiet = source.rstrip().endswith(";")
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not is_quiet:
        expression = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        last = compile(expression, name, "eval", flags, dont_inherit=True)
    body = compile(tree, name, "exec", flags, dont_inherit=True) if tree.body else None
    return body, last


def _keep_own(shown: traceback.TracebackException, depth: int) -> None:
    """Leave out the frames that are no cell's."""
    own = [frame for frame in shown.stack if frame.filename.startswith(_NAME)]
    shown.stack[:] = own
    if depth > 8:
        # A chain that goes on and on says nothing new.
        shown.__cause__ = shown.__context__ = None
        return
    for other in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if other is not None:
            _keep_own(other, depth + 1)
