"""Values of Python callers, checked as those of requests are."""

from __future__ import annotations

from collections import UserDict
from types import MappingProxyType
from typing import Any

import pytest

from gptoss.errors import MessageError
from gptoss.forms import Form, checked


class _Word(Form):
    text: str
    more: Any = None


class _Said(Form):
    words: list[_Word]


@pytest.mark.parametrize(
    "value",
    [
        {"words": [{"text": "a"}]},
        {"words": ({"text": "a"},)},
        MappingProxyType({"words": [UserDict({"text": "a"})]}),
    ],
)
def test_mappings_and_sequences(value: object) -> None:
    assert checked(_Said, value, "said", MessageError) == _Said(words=[_Word(text="a")])


def test_what_was_checked_is_returned_as_it_is() -> None:
    made = _Said(words=[])
    assert checked(_Said, made, "said", MessageError) is made


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"words": ({"text": "a"}, {"text": 3})}, "^said.words.1.text: got 3, wanted text$"),
        ({"words": "ab"}, "^said.words: got 'ab', wanted a list$"),
        ("ab", "^said: got 'ab', wanted an object$"),
        (None, "^said: got None, wanted an object$"),
    ],
)
def test_the_place_of_what_is_wrong(value: object, said: str) -> None:
    with pytest.raises(MessageError, match=said):
        checked(_Said, value, "said", MessageError)


def test_any_depth() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert checked(_Word, {"text": "a", "more": deep}, "said", MessageError).more is deep
    with pytest.raises(MessageError, match=r"said\.text: got 3"):
        checked(_Word, {"text": 3, "more": deep}, "said", MessageError)
    while deep:  # So that freeing it does not recurse either.
        deep = deep.pop("a")


def test_many_faults_end_at_the_first() -> None:
    with pytest.raises(MessageError, match=r"said\.0: got 1, wanted an object"):
        checked(list[_Word], [1] * 1_000_000, "said", MessageError)
