"""The journal: what was kept is there after any end, what was cut was never there, and what is damaged is named."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss.batch.journal import Journal
from gptoss.errors import OutputError
from tests.levels import examples

VALUES = st.dictionaries(
    st.text(), st.one_of(st.text(), st.integers(), st.none(), st.lists(st.booleans())), max_size=3
)


@given(st.lists(st.tuples(st.text(max_size=3), VALUES)), st.data())
@settings(max_examples=examples(60))
def test_it_is_a_dictionary_that_stays(
    tmp_path_factory: pytest.TempPathFactory,
    puts: list[tuple[str, dict[str, object]]],
    data: st.DataObject,
) -> None:
    """However often it is opened in between."""
    path = tmp_path_factory.mktemp("journal") / "kept.jsonl"
    expected: dict[str, dict[str, object]] = {}
    journal = Journal(path)
    for key, value in puts:
        if data.draw(st.booleans()):
            journal.close()
            journal = Journal(path)
        journal.put(key, value)
        expected[key] = value
    journal.close()
    with Journal(path) as again:
        assert list(again) == list(expected)
        assert {key: again.get(key) for key in again} == expected


def test_halves_of_surrogates_stay(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.put("\ud800", {"text": "a\udfffb"})
        assert journal.get("\ud800") == {"text": "a\udfffb"}
    with Journal(tmp_path / "j") as journal:
        assert journal.get("\ud800") == {"text": "a\udfffb"}


def test_every_cut_of_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.put("a", {"n": 1})
        end = path.stat().st_size
        journal.put("b", {"n": 2, "text": "ü"})
    whole = path.read_bytes()
    for size in range(end, len(whole)):
        path.write_bytes(whole[:size])
        with Journal(path) as journal:
            assert list(journal) == ["a"]
            journal.put("c", {})
        with Journal(path) as journal:
            assert list(journal) == ["a", "c"]


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"key": 1, "value": {}}', b'{"key": "a"}', b"\xff"]
)
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.put("a", {})
        journal.put("b", {})
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + b"\n" + second)
    kept = path.read_bytes()
    with pytest.raises(OutputError, match=r"line 2 of .* is damaged"):
        Journal(path)
    assert path.read_bytes() == kept


def test_one_at_a_time(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "j"),
        pytest.raises(OutputError, match="another program is writing"),
    ):
        Journal(tmp_path / "j")
    Journal(tmp_path / "j").close()


def test_where_none_can_be(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path, tmp_path / "link", tmp_path / "no" / "j"):
        with pytest.raises(OutputError, match="cannot open"):
            Journal(path)


_FILLS = """
import resource, signal, sys
from pathlib import Path
from gptoss.batch.journal import Journal
from gptoss.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
journal = Journal(Path(sys.argv[1]))
try:
    for number in range(1000):
        journal.put(str(number), {"text": "x" * 50})
        print(number, flush=True)
except OutputError as error:
    print(error)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """All that was said to be kept is, and it goes on where there is room again."""
    path = tmp_path / "j"
    command = [sys.executable, "-c", _FILLS, str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "make room and go on" in lines[-1]
    with Journal(path) as journal:
        assert list(journal) == lines[:-1]
        journal.put("more", {})


_WRITES = """
import sys
from pathlib import Path
from gptoss.batch.journal import Journal
journal = Journal(Path(sys.argv[1]))
number = len(journal)
while True:
    journal.put(str(number), {"text": "x" * (number % 5000)})
    print(number, flush=True)
    number += 1
"""


def test_killed_again_and_again(tmp_path: Path) -> None:
    path, last = tmp_path / "j", -1
    for _ in range(3):
        command = [sys.executable, "-c", _WRITES, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(40):
                last = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
        with Journal(path) as journal:
            assert list(journal) == [str(number) for number in range(len(journal))]
            assert len(journal) > last


def test_values_are_read_from_the_file(tmp_path: Path) -> None:
    """A run of long answers must not stand in memory."""
    with Journal(tmp_path / "j") as journal:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(300):
            journal.put(str(number), {"text": "x" * (1 << 20)})
        assert journal.get("299")["text"] == "x" * (1 << 20)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10
