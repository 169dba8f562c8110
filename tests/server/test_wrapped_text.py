"""The text inside a custom tool's arguments, however it is cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptoss.server.wrapped_text import WrappedText, unwrapped

# Many of what has a meaning in JSON.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\/\n\x00😀u'))


@given(TEXTS, st.booleans(), st.lists(st.integers(1, 9), min_size=1))
def test_pieces(text: str, is_ascii: bool, sizes: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=is_ascii)
    wrapped, found, at = WrappedText(), "", 0
    while at < len(arguments):
        size = sizes[at % len(sizes)]
        found += wrapped.feed(arguments[at : at + size])
        assert text.startswith(found)
        at += size
    assert found == text == unwrapped(arguments)


@given(TEXTS, st.integers(0, 200))
def test_what_was_cut(text: str, at: int) -> None:
    assert text.startswith(unwrapped(json.dumps({"input": text})[:at]))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{\n  "input": "a"\n}', "a"),
        ('{"input": "a"} b', "a"),
        ('{"input": "\\ud83d"}', "\ufffd"),
        ('{"input": "\\ud83dx\\ude00"}', "\ufffdx\ufffd"),
        ("", ""),
        ('{"inp', ""),
        ('{"other": "a"}', ""),
    ],
)
def test_forms(arguments: str, text: str) -> None:
    assert unwrapped(arguments) == text


@pytest.mark.parametrize("text", ["no", '{"input": "a\\x', '{"other": "', "[", '"input'])
def test_what_is_no_wrapped_text_is_not_kept(text: str) -> None:
    wrapped = WrappedText()
    for piece in [text, *['b"c'] * 100]:
        assert wrapped.feed(piece) in ("", "a")
    assert len(wrapped._rest) < 20
