"""Tests as LiveCodeBench packs them: what is one string is read, anything else is refused and never loaded."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss.evals.data.packed import unpacked
from tests.levels import examples

CASES = [{"input": "1 ä\n", "output": "2", "testtype": "stdin"}]


def packed(value: object, protocol: int = 4) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol))).decode()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_packed_string_of_json_is_read(protocol: int) -> None:
    assert unpacked(packed(json.dumps(CASES), protocol)) == CASES
    long = json.dumps([{"input": "x" * 100_000}])
    assert unpacked(packed(long, protocol)) == json.loads(long)


def test_plain_json_is_read_as_it_is() -> None:
    assert unpacked(json.dumps(CASES)) == CASES


class _Attack:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._mark}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_code_is_refused_and_does_not(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(ValueError, match="its pickle"):
        unpacked(packed(_Attack(mark), protocol))
    assert not mark.exists()
    pickle.loads(pickle.dumps(_Attack(mark), protocol))
    assert mark.exists(), "the attack is none"


@pytest.mark.parametrize(
    "value", [b"bytes", 3, None, ["a"], ("a", "b"), {"a": "b"}, {"a"}, 1.5, True, bytearray(b"x")]
)
def test_anything_but_one_string_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"its pickle|list of objects"):
        unpacked(packed(value))


def test_what_unpacks_to_too_much_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(b"\0" * (8 << 20))).decode()
    with pytest.raises(ValueError, match="unpacks to more than 1,048,576 bytes"):
        unpacked(bomb, 1 << 20)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{}",
        "[1]",
        "null",
        base64.b64encode(b"no zlib").decode(),
        packed(json.dumps(CASES))[:-8] + "AAAAAAA=",
        base64.b64encode(zlib.compress(pickle.dumps("x"))[:-6]).decode(),
        base64.b64encode(zlib.compress(pickle.dumps("[]")[:-1])).decode(),
        packed("not json"),
        packed("[" * 100_000),
    ],
)
def test_damage_is_an_error_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(it|its|what was packed) "):
        unpacked(text)


@given(st.binary(max_size=300))
@settings(max_examples=examples(300))
def test_any_bytes_give_a_string_or_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(it|its|what was packed) "):
        unpacked(base64.b64encode(zlib.compress(data)).decode())
