"""What messages of errors show of values that anybody may send."""

from __future__ import annotations

from typing import Any

import pytest

from gptoss.errors import MessageError, SchemaError, listed, shortened, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1.5, "1.5"),
        (True, "True"),
        ("it's", '"it\'s"'),
        (b"ab", "b'ab'"),
        ({"a": [1, (2,)]}, "{'a': [1, (2)]}"),
        ([], "[]"),
        ([1, 2, 3, 4, 5], "[1, 2, 3, 4, ...]"),
        ({n: n for n in range(5)}, "{0: 0, 1: 1, 2: 2, 3: 3, ...}"),
        ([[[[1]]]], "[[[...]]]"),
        ({1}, "a value of the type set"),
        (2**64, "18446744073709551616"),
        (-(1 << 300), "a number of 301 bits"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


def test_no_value_is_shown_whole_that_is_long() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    wide = {"x" * 1000: ["y" * 1000] * 1000}
    for value in ("x" * 10**6, deep, wide, [wide] * 1000, 10**100_000):
        assert len(shown(value)) <= 100
    while deep:  # So that freeing it does not recurse either.
        deep = deep.pop()


def test_the_first_names_are_listed() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a, b"
    assert listed(map(str, range(10**6)), 3) == "0, 1, 2, ..."
    assert len(listed(["x" * 10**6])) == 80
    # Whoever names a file does not write to the terminal of who reads of it.
    assert listed(["\x1b[2J", "a\n", "\ud800"]) == r"'\x1b[2J', 'a\n', '\ud800'"


def test_a_text_loses_its_middle() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("a" * 80 + "b" * 80, 40) == "a" * 30 + "..." + "b" * 7


def test_messages_are_of_bounded_length() -> None:
    message = str(MessageError(f"got {'x' * 10**6}, wanted less"))
    assert len(message) == 2000
    assert message.startswith("got xxx")
    assert message.endswith("xxx, wanted less")
    assert str(SchemaError("short")) == "short"
    assert MessageError("one", 2).args == ("one", 2)
