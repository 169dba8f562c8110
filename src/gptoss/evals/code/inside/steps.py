"""Runs the program of a problem's steps, then the tests of the last one, each with a target that comes just before."""

from __future__ import annotations

import os
import pickle
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_main: ModuleType | None = None


def define(source: str, comparisons: str) -> None:
    """Run the program; `comparisons` is the text of what its tests import as `scicode.compare.cmp`."""
    global _main
    parts = ["scicode", "compare", "cmp"]
    for number in range(len(parts)):
        name = ".".join(parts[: number + 1])
        module = sys.modules[name] = type(sys)(name)
        module.__path__ = []
        if number:
            setattr(sys.modules[".".join(parts[:number])], parts[number], module)
    exec(compile(comparisons, "<comparisons>", "exec"), module.__dict__)
    _main = type(sys)("__main__")
    sys.modules["__main__"] = _main
    exec(compile(source, "<cell program>", "exec"), _main.__dict__)


def check(test: str, path: str, word: str) -> str:
    """The word, if the test comes to its end; an end before, such as by `sys.exit`, does not say it.

    Raises AssertionError where the test is not passed.
    """
    assert _main is not None
    with open(path, "rb") as file:
        target = pickle.load(file)
    os.unlink(path)
    _main.__dict__["target"] = target
    exec(compile(test, "<cell test>", "exec"), _main.__dict__)
    return word
