"""Files of a run that were edited by hand, or damaged: told in a line, whatever stands where, and never scored."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gptoss.errors import EvalError, GptossError, OutputError
from gptoss.evals.folder import SAMPLES, plays_of, settings_of
from gptoss.evals.grade import Item
from gptoss.evals.play import Exchange, Play
from gptoss.evals.report import Side, compare, compared_files, summarise
from tests.evals.coin import Caller, run

_OTHERS: tuple[object, ...] = (
    None,
    True,
    -1,
    1.5,
    "x",
    [],
    {},
    [1],
    {"a": 1},
    10**30,
    float("inf"),
)
_READS: dict[str, Callable[[object], object]] = {
    "answers.jsonl": lambda data: Exchange.from_dict(data["value"]),  # type: ignore[index]
    "grades.jsonl": lambda data: Item.from_dict(data["value"]["items"][0]),  # type: ignore[index]
    SAMPLES: Play.from_dict,  # type: ignore[dict-item]
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "whole"
    run(path, Caller())
    return path


def _places(value: object, place: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield (*place, name)
            yield from _places(value[name], (*place, name))


def _changed(data: object, place: tuple[object, ...], value: object) -> object:
    made = copy.deepcopy(data)
    inner = made
    for name in place[:-1]:
        inner = inner[name]  # type: ignore[index]
    inner[place[-1]] = value  # type: ignore[index]
    return made


def _read(path: Path, name: str) -> None:
    if name == SAMPLES:
        list(plays_of(path))
    else:
        run(path, Caller())


@pytest.mark.parametrize("name", [*_READS])
def test_each_value_of_another_kind(whole: Path, name: str) -> None:
    """What is taken all the same can be summed up, and compared."""
    data = json.loads((whole / name).read_text().splitlines()[0])
    plays = list(plays_of(whole))
    num_refused = 0
    for place in _places(data):
        # Of what was asked, and of details, anything may be said.
        if place[0] == "key" or {"question", "details"} & {*place[:-1]}:
            continue
        for other in _OTHERS:
            try:
                found = _READS[name](_changed(data, place, other))
            except (ValueError, KeyError, TypeError, IndexError):
                num_refused += 1
                continue
            if isinstance(found, Play):
                summarise([found, *plays[1:]]).to_dict()
                both = (
                    Side(name=str(each), settings={"suite": "coins"}, plays=plays)
                    for each, plays in enumerate((plays, [found, *plays[1:]]))
                )
                compared_files([compare(*both, anyway=True)])
    assert num_refused > 50


@pytest.mark.parametrize("name", ["answers.jsonl", "grades.jsonl"])
@pytest.mark.parametrize("field", ["content", "score", "digest", "cluster"])
def test_a_run_says_where_it_is_damaged(whole: Path, tmp_path: Path, name: str, field: str) -> None:
    shutil.copytree(whole, tmp_path / "run")
    path = tmp_path / "run" / name
    text = path.read_text()
    if f'"{field}"' not in text:
        return
    first, _, rest = text.partition(f'"{field}": ')
    path.write_text(f'{first}"{field}": null, "was": {rest}')
    with pytest.raises(EvalError, match=f"{name} holds 'coin-.*' in another form"):
        run(tmp_path / "run", Caller())


@pytest.mark.parametrize("line", [b"\xff\xfe", b"{}", b"[1]", b"[" * 100_000, b"NaN"])
@pytest.mark.parametrize("name", ["answers.jsonl", SAMPLES])
def test_lines_that_are_none(whole: Path, tmp_path: Path, name: str, line: bytes) -> None:
    shutil.copytree(whole, tmp_path / "run")
    path = tmp_path / "run" / name
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(GptossError, match="line 1 of"):
        _read(tmp_path / "run", name)


@pytest.mark.parametrize("name", ["answers.jsonl", "grades.jsonl", SAMPLES])
def test_what_is_no_file(whole: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "run" / name
    for make in (os.mkfifo, os.mkdir):
        shutil.copytree(whole, tmp_path / "run")
        path.unlink()
        make(path)
        with pytest.raises((EvalError, OutputError), match=f"cannot .*{name}"):
            _read(tmp_path / "run", name)
        shutil.rmtree(tmp_path / "run")


def test_settings_of_any_kind_are_compared(whole: Path) -> None:
    settings = settings_of(whole)
    for other in _OTHERS:
        sides = (
            Side(name="x", settings=each, plays=plays_of(whole))
            for each in (settings, {**settings, "sampling": other, "sources": other})
        )
        assert compare(*sides, anyway=True).scores[0].n == 20
