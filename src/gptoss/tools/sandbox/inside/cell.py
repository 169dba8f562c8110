"""Runs a cell as a notebook does: in one scope, with the last expression echoed."""

from __future__ import annotations

import _ast
import builtins
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traceback import TracebackException
    from types import CodeType
    from typing import Any

_NAME = "<cell "
_AWAITS = 0x80
# Sources of so many cells are kept, for the lines that a traceback shows.
_MOST_SOURCES = 256
_SHELL = r"^[ \t]*[!%](\S*)"
_PIP = r"^[ \t]*(?:[!%][ \t]*)?(?:python3?[ \t]+-m[ \t]+)?pip3?[ \t]+\w"
NO_PIP = "pip cannot work here: there is no network and no other process; use the packages that are there"
NO_SHELL = (
    "there is no shell here, and no other process; use Python's own functions (os.listdir, open)"
)


class Notebook:
    """The scope of all cells of one process. `value` is that of the last cell's last expression, or None."""

    def __init__(self) -> None:
        # A module, so that classes defined in it can be pickled and found by their name.
        self._main = type(sys)("__main__")
        self._main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = self._main
        self._count = 0
        self._sources: dict[str, str] = {}
        self._loop: Any = None
        self.value: object = None

    def run(self, source: str) -> str:
        """The text of the last expression's value, empty where there is none. Raises what the code raises."""
        self.value = None
        self._count += 1
        name = f"{_NAME}{self._count}>"
        self._sources[name] = source
        self._sources.pop(f"{_NAME}{self._count - _MOST_SOURCES}>", None)
        try:
            body, last = _parsed(source, name)
        except SyntaxError:
            _refuse_shell(source)
            raise
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

    def told(self, error: BaseException) -> str:
        """An error as the cell's author needs it: the lines that are theirs, and the error."""
        import linecache
        import traceback

        for name, source in self._sources.items():
            lines = source.splitlines(keepends=True)
            linecache.cache[name] = (len(source), None, lines, name)
        shown = traceback.TracebackException.from_exception(error, limit=-64)
        _keep_own(shown, 0)
        return "".join(shown.format())

    def _execute(self, code: CodeType, scope: dict[str, Any]) -> object:
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


def _refuse_shell(source: str) -> None:
    """Raises RuntimeError for what is no Python, but a line for a notebook's shell."""
    import re

    if re.search(_PIP, source, re.MULTILINE):
        raise RuntimeError(NO_PIP) from None
    if re.search(_SHELL, source, re.MULTILINE):
        raise RuntimeError(NO_SHELL) from None


def _parsed(source: str, name: str) -> tuple[CodeType | None, CodeType | None]:
    """All but the last expression, and that one; either may be missing."""
    flags = _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, name, "exec", flags | _ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, _ast.Module)
    last: CodeType | None = None
    # As in a notebook, a semicolon keeps the value quiet.
    is_quiet = source.rstrip().endswith(";")
    if tree.body and isinstance(tree.body[-1], _ast.Expr) and not is_quiet:
        expression = _ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        last = compile(expression, name, "eval", flags, dont_inherit=True)
    body = compile(tree, name, "exec", flags, dont_inherit=True) if tree.body else None
    return body, last


def _keep_own(shown: TracebackException, depth: int) -> None:
    """Leave out the frames that are no cell's."""
    own = [frame for frame in shown.stack if frame.filename.startswith(_NAME)]
    shown.stack[:] = own
    if depth > 8:
        # A chain that goes on and on says nothing new.
        shown.__cause__ = shown.__context__ = None
        return
    for other in (shown.__cause__, shown.__context__, *(getattr(shown, "exceptions", None) or ())):
        if other is not None:
            _keep_own(other, depth + 1)
