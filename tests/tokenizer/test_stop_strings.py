"""Strings that end a text, cut anywhere."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptoss.errors import RequestError
from gptoss.tokenizer.stop_strings import StopStrings


@given(
    st.text("ab", max_size=30),
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(0, 30), max_size=8),
)
def test_cuts_where_the_whole_text_would_be_cut(
    text: str, strings: list[str], cuts: list[int]
) -> None:
    stops = StopStrings(strings)
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    kept = "".join(stops.feed(text[begin:end]) for begin, end in itertools.pairwise(bounds))
    kept += stops.finish()
    # The shortest beginning of the text that has a stop string ends with the one that was found.
    ends = [n for n in range(len(text) + 1) if any(string in text[:n] for string in strings)]
    if not ends:
        assert (kept, stops.found) == (text, None)
        return
    assert stops.found is not None
    begun = min(text[: ends[0]].index(s) for s in strings if s in text[: ends[0]])
    # Of several that end in one piece, the one that ended first counts, wherever the pieces were cut.
    assert kept == text[:begun]
    assert (kept + stops.found) == text[: len(kept) + len(stops.found)]


def test_nothing_of_a_stop_string_is_let_out_early() -> None:
    stops = StopStrings(["END", "\n\n"])
    assert [stops.feed(piece) for piece in ("an E", "N", "T E", "ND of")] == ["an ", "", "ENT ", ""]
    assert stops.found == "END"
    assert stops.feed("more") == ""
    assert stops.finish() == ""


def test_what_was_held_back_comes_at_the_end() -> None:
    stops = StopStrings("###")
    assert stops.feed("a ##") == "a "
    assert stops.finish() == "##"


@pytest.mark.parametrize("strings", [[""], ["x" * 2000], ["x"] * 17])
def test_what_is_no_stop_string(strings: list[str]) -> None:
    with pytest.raises(RequestError, match="stop string"):
        StopStrings(strings)
