"""What a function gives or raises, however odd, is a result that a model can read."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from gptoss.harmony import ToolDescription
from gptoss.tools import Ending, Invocation, Tool, ToolResult, ToolRun


def result_of(run: Callable[[Invocation], object]) -> ToolResult:
    call = ToolRun(Tool(ToolDescription("add"), run=run), "{}", 20.0, None)
    assert list(call.events()) == []
    return call.result


async def some(num: int) -> AsyncIterator[int]:
    for each in range(num):
        yield each


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.arange(3), "[0,1,2]"),
        ({"mean": np.float32(1.5)}, '{"mean":1.5}'),
        (np.array([]), "[]"),
        ((each for each in "ab"), '["a","b"]'),
        (map(str, (1, 2)), '["1","2"]'),
        (some(3), "[0,1,2]"),
        (iter(()), "[] (empty)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_libraries_and_generators(value: object, told: str) -> None:
    result = result_of(lambda _: value)
    assert (result.text, result.ending) == (told, Ending.FINISHED)


@pytest.mark.parametrize("make", [lambda: itertools.count(), lambda: some(10**9)])
def test_of_an_endless_generator_the_first_are_read(make: Callable[[], object]) -> None:
    text, _, rest = result_of(lambda _: make()).text.partition("\n")
    assert json.loads(text) == list(range(10_000))
    assert rest == "[there are more than 10,000]"


def circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"\xff", "error: the function gave a bytes, which cannot be written as JSON (invalid"),
        (circle(), "error: the function gave a list, which cannot be written as JSON (ValueError"),
        (ToolResult(5), "error: the function gave a int, which"),  # type: ignore[arg-type]
    ],
    ids=["bytes", "circle", "no text"],
)
def test_values_that_json_has_no_form_for(value: object, told: str) -> None:
    result = result_of(lambda _: value)
    assert result.text.startswith(told)
    assert result.ending is Ending.ERROR


class UnreadableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        # The call ends at once, and not with its time.
        (UnreadableError(), "error: UnreadableError"),
        (ValueError("a\ud800b"), "error: ValueError: a?b"),
    ],
)
def test_errors_that_cannot_be_read(error: Exception, told: str) -> None:
    def fail(_: Invocation) -> object:
        raise error

    result = result_of(fail)
    assert (result.text, result.ending) == (told, Ending.ERROR)


def test_no_text_has_lone_surrogates() -> None:
    def run(invocation: Invocation) -> ToolResult:
        invocation.tell("a\ud800")
        return ToolResult("b\udfff")

    call = ToolRun(Tool(ToolDescription("add"), run=run), "{}", 20.0, None)
    assert list(call.events()) == ["a?"]
    assert call.result.text == "b?"
