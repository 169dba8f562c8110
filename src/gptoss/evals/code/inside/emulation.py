"""Runs a program as LiveCodeBench's own grader does: as the body of a function, with an input that only looks like one.

What this breaks is the point of it, since published figures were made so: names at the top level are the function's, so
`global` does not reach them; `sys.stdin` cannot be gone through line by line, `readlines` loses the ends of lines,
`sys.stdin.buffer.readline` gives the first line for ever, and `input` takes an empty line for the end.
"""

from __future__ import annotations

import ast
import builtins
import io
import sys
from unittest import mock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAME = "wrapped_function"
_body: Callable[[], Any] | None = None


class _Buffer:
    def __init__(self, data: str) -> None:
        self._data = data.encode()

    def read(self, *_: object) -> bytes:
        return self._data

    def readline(self, *_: object) -> bytes:
        return self._data.split(b"\n")[0] + b"\n"


class _Input:
    """What stands for the standard input. Whatever else is asked of it, a StringIO answers."""

    def __init__(self, data: str) -> None:
        self._lines = iter(data.split("\n"))
        self._data = data
        self._text = io.StringIO(data)
        self.buffer = _Buffer(data)

    def read(self, *_: object) -> str:
        return self._data

    def readline(self, *_: object) -> str:
        return next(self._lines)

    def readlines(self, *_: object) -> list[str]:
        return self._data.split("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text, name)


def define(source: str, imports: str) -> None:
    """Make a program the body of a function, behind imports."""
    global _body
    # Before the imports, which take a copy of it.
    builtins.input = _input
    module = type(sys)("tmp_sol")
    exec(compile(_wrapped(source, imports), "<cell program>", "exec"), module.__dict__)
    _body = getattr(module, _NAME)


def feed(path: str) -> str:
    """What it prints, for the input in a file."""
    with open(path, encoding="utf-8") as file:
        data = file.read()
    builtins.input = _input
    printed = io.StringIO()
    printed.close = lambda: None  # type: ignore[method-assign]
    assert _body is not None
    before = sys.stdout
    sys.stdout = printed
    try:
        with (
            mock.patch("builtins.open", mock.mock_open(read_data=data)),
            mock.patch("sys.stdin", _Input(data)),
        ):
            _body()
    except SystemExit:
        pass
    finally:
        sys.stdout = before
    return printed.getvalue()


def _wrapped(source: str, imports: str) -> ast.Module:
    """Imports stay outside; the rest becomes a function's body."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.If) and ast.unparse(last.test) == "__name__ == '__main__'":
        tree.body[-1:] = last.body
    outside = [each for each in tree.body if isinstance(each, (ast.Import, ast.ImportFrom))]
    inside = [each for each in tree.body if not isinstance(each, (ast.Import, ast.ImportFrom))]
    made = ast.parse(f"{imports}\ndef {_NAME}(): pass")
    function = made.body.pop()
    assert isinstance(function, ast.FunctionDef)
    function.body = inside or function.body
    made.body += [*outside, function]
    return ast.fix_missing_locations(made)


def _input(prompt: object = "") -> str:
    sys.stdout.write(str(prompt))
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")
