"""Finds the prose in sources: Markdown, docstrings and comments, with the line that each begins in."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """A run of text, and whether it is a block of code within Markdown."""

    line: int
    text: str
    is_code: bool = False


_FENCE = re.compile(r"^(?:```|~~~)")
# What opens a comment, in files that are not Python.
_HASH = re.compile(r"(?:^|\s)#\s(.*)$")
_SLASHES = re.compile(r"(?:^|\s)//\s?(.*)$")
_SPANS = re.compile(r"/\*.*?\*/|<!--.*?-->", re.DOTALL)


_PYTHON = (".py", ".pyi")
_SLASHED = (".h", ".cpp", ".c", ".ts", ".svelte", ".css")
_HASHED = (".toml", ".sh", "Makefile", "CMakeLists.txt", ".ci/run")


def is_read(name: str) -> bool:
    """Whether a file is of a kind whose prose is known."""
    return name.endswith((".md", *_PYTHON, *_SLASHED, *_HASHED))


def passages(name: str, text: str) -> Iterator[Passage]:
    """All that a file of such a kind says."""
    if name.endswith(".md"):
        yield from _markdown(text)
    elif name.endswith(_PYTHON):
        yield from _docstrings(text)
        yield from _python_comments(text)
    elif name.endswith(_SLASHED):
        yield from _line_comments(text, _SLASHES)
        yield from _spans(text)
    else:
        yield from _line_comments(text, _HASH)


def _markdown(text: str) -> Iterator[Passage]:
    """Runs of prose and blocks of code, by turns."""
    begun, lines, is_code = 1, list[str](), False
    for number, line in enumerate(text.split("\n"), 1):
        if _FENCE.match(line):
            yield Passage(begun, "\n".join(lines), is_code)
            begun, lines, is_code = number + 1, [], not is_code
        else:
            lines.append(line)
    yield Passage(begun, "\n".join(lines), is_code)


def _docstrings(text: str) -> Iterator[Passage]:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and (said := ast.get_docstring(node, clean=False)):
            yield Passage(node.body[0].lineno, said)


def _python_comments(text: str) -> Iterator[Passage]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(token.start[0], token.string)


def _line_comments(text: str, opening: re.Pattern[str]) -> Iterator[Passage]:
    for number, line in enumerate(text.split("\n"), 1):
        if found := opening.search(line):
            yield Passage(number, found[1])


def _spans(text: str) -> Iterator[Passage]:
    for found in _SPANS.finditer(text):
        yield Passage(text.count("\n", 0, found.start()) + 1, found[0])
