"""JSON of files: strict, linear, bounded, and a refusal is a short line."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptoss.files import json_text
from gptoss.files.json_text import MAX_DEPTH, parse_object, read_object, shorten


def nested(depth: int, *, of: str = "[]") -> bytes:
    """An object with values down to so many levels."""
    inner = depth - 1
    if of == "[]":
        return b'{"a":' + b"[" * inner + b"]" * inner + b"}"
    return b'{"a":' * inner + b"{}" + b"}" * inner


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "Expecting value"),
        (b"[]", "it holds a JSON array, wanted an object"),
        (b"3", "it holds a JSON number"),
        (b"null", "it holds a JSON null"),
        (b"{} {}", "Extra data"),
        (b'{"a":NaN}', "NaN is not a JSON number"),
        (b'{"a":-Infinity}', "-Infinity is not a JSON number"),
        (b'{"a":1e999}', "the number '1e999' is too large"),
        (b'{"a":' + b"9" * 100_000 + b"}", "is too large"),
        (b'{"a":-' + b"9" * 4000 + b"}", "is too large"),
        (b'{"a":1,"b":2,"a":3}', "the key 'a' occurs twice"),
        (b'{"x":{"' + b"k" * 100_000 + b'":1,"' + b"k" * 100_000 + b'":1}}', "occurs twice"),
        (b'{"a":"\xff"}', "it is not UTF-8 text"),
        ('{"a":1}'.encode("utf-16"), "it is not UTF-8 text"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a":"\x1b[31m"}', "control character"),
        (nested(MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
        (nested(MAX_DEPTH + 1, of="{}"), f"nested deeper than {MAX_DEPTH} levels"),
        (nested(900), "nested deeper"),
        (nested(1_000_000), "nested deeper|more than"),
        (b"[" * 1_000_000, "nested deeper|more than"),
    ],
)
def test_refused_in_a_short_line(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_object(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("of", ["[]", "{}"])
def test_as_deep_as_allowed(of: str) -> None:
    assert parse_object(nested(MAX_DEPTH, of=of))


@pytest.mark.parametrize("value", [b"0", b"[]", b"{}", b'""', b"[0]"])
def test_values_are_counted_before_they_are_made(value: bytes) -> None:
    text = b'{"a":[' + b",".join([value] * 100) + b"]}"
    assert parse_object(text, most_values=400)
    with pytest.raises(ValueError, match="it has more than 80 values"):
        parse_object(text, most_values=80)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_reads_what_json_writes(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value


def test_any_bytes_changed() -> None:
    content = json.dumps({"a": [1, 2.5, {"b": None}], "c": "d\u4e00", "e": {"f": True}}).encode()
    chance = random.Random(3)
    for _ in range(2000):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        with contextlib.suppress(ValueError):
            assert isinstance(parse_object(bytes(changed)), dict)


def test_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": 1}')
    assert read_object(path, most_bytes=8) == {"a": 1}
    with pytest.raises(OSError, match="more than 7 bytes"):
        read_object(path, most_bytes=7)


@pytest.mark.parametrize(
    "value", ["x" * 10**6, "\x1b[31m\n\u202e\ud800", [1] * 10**5, {"a": "\n"}, 2**500, None]
)
def test_what_is_shown_of_a_value(value: object) -> None:
    assert shorten(value).isprintable()
    assert shorten(value).isascii()
    assert len(shorten(value)) <= 80


_TEXTS = st.text(alphabet='a,[{"\\\\:]}', max_size=12)
_VALUES = st.recursive(
    st.one_of(st.none(), st.integers(-9, 9), _TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_VALUES, st.integers(1, 9))
def test_values_are_counted_as_they_are(value: object, slice_bytes: int) -> None:
    """What stands in strings is not, wherever a slice ends."""
    data = json.dumps([value]).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_SLICE", slice_bytes)
        assert json_text.num_values(data, 0) == _num_marks(value) + 1


def _num_marks(value: object) -> int:
    if not isinstance(value, list | dict):
        return 0
    inner = list(value.values()) if isinstance(value, dict) else value
    return 1 + max(0, len(inner) - 1) + sum(map(_num_marks, inner))
