"""Calls a function of a program with values, and gives what it returns as JSON."""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_called: Callable[..., Any] | None = None


def define(source: str, name: str) -> None:
    """Run a program, whose function of this name is to be called: its class Solution's, or its own."""
    global _called
    main = type(sys)("__main__")
    sys.modules["__main__"] = main
    exec(compile(source, "<cell program>", "exec"), main.__dict__)
    owner = main.Solution() if "class Solution" in source else main
    _called = getattr(owner, name)


def call(path: str, is_strict: bool) -> str:
    """The result as JSON, for the values in a file: one a line.

    is_strict  whether tuples within the result stay what they are, which then equals no expected value
    """
    with open(path, encoding="utf-8") as file:
        values = [json.loads(line) for line in file.read().split("\n")]
    assert _called is not None
    result = _called(*values)
    return json.dumps(_plain(list(result) if isinstance(result, tuple) else result, is_strict))


def _plain(value: Any, is_strict: bool) -> Any:
    """A value in JSON's own types. Raises TypeError for what has none."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list) or (isinstance(value, tuple) and not is_strict):
        return [_plain(each, is_strict) for each in value]
    if isinstance(value, tuple):
        return {"a tuple": [_plain(each, is_strict) for each in value]}
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("it returns a dict whose keys are no strings")
        return {key: _plain(each, is_strict) for key, each in value.items()}
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        # A number of NumPy.
        return _plain(value.item(), is_strict)
    if hasattr(value, "tolist") and not is_strict:
        return _plain(value.tolist(), is_strict)
    raise TypeError(f"it returns a value of the type {type(value).__name__}")
