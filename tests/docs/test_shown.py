"""What a page shows is held against what was printed."""

from __future__ import annotations

import pytest

from tests.docs.shown import is_shown


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("46\n", "46\n"),
        ("46\n", "46"),
        ("a\n\nb\n", "a  \n\nb\n\n"),
        ('{"id":"…","content":"46"}\n', '{"id":"chatcmpl-1","content":"46"}\n'),
        ("in … s\n", "in 0.3 s\n"),
        ("first\n…\nlast\n", "first\nlast\n"),
        ("first\n…\nlast\n", "first\n2\n3\nlast\n"),
        ("…\n", "anything\nat all\n"),
        ("a.b\n", "a.b\n"),
    ],
)
def test_is_shown(shown: str, printed: str) -> None:
    assert is_shown(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("46\n", "45\n"),
        ("46\n", "46\n47\n"),
        ("46\n47\n", "46\n"),
        ("  46\n", "46\n"),
        ("a…b\n", "a\nb\n"),
        ("first\n…\nlast\n", "first\n2\n"),
        ("a.b\n", "axb\n"),
        ("", "46\n"),
    ],
)
def test_is_not_shown(shown: str, printed: str) -> None:
    assert not is_shown(shown, printed)
