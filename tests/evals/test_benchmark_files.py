"""Files of benchmarks in each format, found in folders, and what is said of those that are not right."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path

import pytest

from gptoss.errors import DataError, EvalError
from gptoss.evals.data.table import Table, Wanted, find_files
from gptoss.files.rows import Digest, rows_of

WANTED = Wanted(what="Own", stem=r"test.*", columns=("id", "text"), id="id")
ROWS = [{"id": "1", "text": 'ä,\n"b"'}, {"id": "2", "text": "c"}]


def _write(path: Path) -> Path:
    match path.suffix:
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, ROWS)))
        case ".json":
            path.write_text(json.dumps(ROWS))
        case ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, ("id", "text"))
                writer.writeheader()
                writer.writerows(ROWS)
        case ".parquet":
            pyarrow = pytest.importorskip("pyarrow")
            parquet = pytest.importorskip("pyarrow.parquet")
            parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_each_format_gives_the_same_rows_and_the_hash_of_its_file(
    tmp_path: Path, ending: str
) -> None:
    path = _write(tmp_path / f"test{ending}")
    table = Table(WANTED, find_files([tmp_path], WANTED))
    assert [dict(row.values or {}) for _, row in table.rows()] == ROWS
    (source,) = table.sources
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (source.rows, source.known) == (2, None)


def test_a_known_hash_is_told_from_another(tmp_path: Path) -> None:
    path = _write(tmp_path / "test.csv")
    known = hashlib.sha256(path.read_bytes()).hexdigest()
    for hashes, expected in (({known}, True), ({"0"}, False)):
        wanted = Wanted(what="Own", stem="test", columns=("id",), id="id", hashes=frozenset(hashes))
        table = Table(wanted, [path])
        list(table.rows())
        assert table.sources[0].known is expected


def test_rows_of_json_lines_can_be_read_again_by_their_place(tmp_path: Path) -> None:
    path = _write(tmp_path / "test.jsonl")
    places = [row.place for row in rows_of(path, Digest())]
    assert [place.read() for place in places if place is not None] == ROWS
    path.write_text("gone")
    assert places[1] is not None
    with pytest.raises(DataError, match="is not what it was"):
        places[1].read()


def test_files_are_found_beneath_a_folder_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("test10.jsonl", "test2.jsonl", "test.jsonl", "train.jsonl", "test.txt"):
        (tmp_path / "data" / name).write_text("")
    found = [path.name for path in find_files([tmp_path], WANTED)]
    assert found == ["test.jsonl", "test2.jsonl", "test10.jsonl"]


def test_a_conversion_beside_its_origin_is_not_read_twice(tmp_path: Path) -> None:
    for ending in (".parquet", ".jsonl"):
        (tmp_path / f"test{ending}").write_text("")
    assert [path.name for path in find_files([tmp_path], WANTED)] == ["test.jsonl"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "test.jsonl",
            '{"id": 1}',
            "lacks the column text of Own; it has id: bring the published file",
        ),
        ("test.csv", "text\nx", "lacks the column id"),
        ("test.json", "[", "is no JSON"),
        ("test.json", "3", "has no list of rows"),
        ("test.jsonl", "", "has no row of Own"),
        ("test.jsonl", "nonsense\n", "has no row of Own"),
        ("test.csv", b"\xff\xfe", "is not UTF-8 text"),
        ("test.parquet", b"PAR1 and no more", "is no Parquet file"),
        ("test.xlsx", "", "wanted a file that ends in"),
    ],
)
def test_a_wrong_file_is_an_error_that_says_what_to_do(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((DataError, EvalError)) as caught:
        list(Table(WANTED, find_files([path], WANTED)).rows())
    assert said in str(caught.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"there is no .*nowhere"):
        find_files([tmp_path / "nowhere"], WANTED)
    with pytest.raises(
        EvalError, match=r"found no file of Own .* wanted one named like `test\.\*`"
    ):
        find_files([tmp_path], WANTED)
    assert find_files([tmp_path], WANTED, is_needed=False) == []


def test_without_pyarrow_a_message_says_how_to_convert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "test.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"pip install pyarrow.*to_pylist"):
        list(rows_of(path, Digest()))
