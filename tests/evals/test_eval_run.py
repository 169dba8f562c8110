"""A run asks each question once, whatever ends it, and says of nothing that it was wrong which nobody answered."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from gptoss.batch.journal import Journal
from gptoss.errors import EvalError, OutputError
from gptoss.evals.choice import chosen
from gptoss.evals.folder import SAMPLES, RunFolder, runs_in
from gptoss.evals.grade import Grade
from gptoss.evals.play import Play
from gptoss.evals.run import seed_of
from gptoss.evals.suite import Sample
from tests.evals.coin import Caller, Coins, Silent, run
from tests.levels import rounds


def asked(caller: Caller) -> Counter[str]:
    return Counter(question.digest() + str(seed) for question, seed in caller.asked)


def plays(path: Path) -> list[Play]:
    lines = (path / SAMPLES).read_text().splitlines()
    return [Play.from_dict(json.loads(line)) for line in lines]


def test_every_question_once_and_all_of_it_kept(tmp_path: Path) -> None:
    caller, watcher = Caller(), Silent()
    run(tmp_path, caller, repeats=3, watcher=watcher)
    assert len(caller.asked) == len(asked(caller)) == 20 * 3 * 2
    assert len(watcher.items) == 60
    assert len(watcher.answers) == 120
    found = plays(tmp_path)
    assert [(play.sample, play.repeat) for play in found] == [
        (name, repeat)
        for name in sorted(f"coin-{number}" for number in range(20))
        for repeat in range(3)
    ]
    assert len(found) == 60
    for play in found:
        first, second = play.exchanges
        assert first.question["messages"] == [{"role": "user", "content": f"{play.sample}: ready?"}]
        assert second.question == {
            "messages": [
                {"role": "assistant", "content": first.answer.content},
                {"role": "user", "content": "heads or tails?"},
            ],
            "effort": "medium",
            "temperature": 1.0,
            "top_p": 1.0,
        }
        (item,) = play.items
        assert item.grade.found == second.answer.content
        assert second.seed == seed_of(0, f"{play.sample}#{play.repeat}#1") < 2**31
        assert second.answer.reasoning == "hm"


def test_a_finished_run_asks_nothing(tmp_path: Path) -> None:
    first, again = run(tmp_path, Caller()), Caller()
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    watcher = Silent()
    run(tmp_path, again, watcher=watcher)
    assert again.asked == []
    assert len(watcher.items) == 20
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
    assert first.failures == {}


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Ten kills at whatever moment, and the same samples as without any."""
    run(tmp_path / "whole", Caller(0.6), suite=Coins(120))
    command = [sys.executable, "-m", "tests.evals.coin", str(tmp_path / "cut"), "120", "0.05"]
    answers = tmp_path / "cut" / "answers.jsonl"
    for number in range(rounds(10)):
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            wanted = 20 * (number + 1)
            latest = time.monotonic() + 60
            while not answers.exists() or answers.read_bytes().count(b"\n") < wanted:
                assert time.monotonic() < latest
                assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
    subprocess.run(command, check=True)
    lines = answers.read_bytes().splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == len(lines) == 240
    for name in (SAMPLES, "run.json"):
        cut, whole = ((tmp_path / each / name).read_bytes() for each in ("cut", "whole"))
        assert cut == whole


def test_what_nobody_answered_is_not_wrong(tmp_path: Path) -> None:
    caller, watcher = Caller(), Silent()
    caller.fails = lambda number, _: number in (3, 9)
    made = run(tmp_path, caller, watcher=watcher)
    assert len(made.failures) == len(watcher.reasons) == 2
    assert all("out of order" in reason for reason in watcher.reasons)
    assert len(plays(tmp_path)) == 18
    before = asked(caller)
    again = Caller()
    assert run(tmp_path, again).failures == {}
    assert len(plays(tmp_path)) == 20
    # What was answered before the fault is not asked again, and what failed is, with the same seed.
    assert len(again.asked) in (2, 3, 4)
    assert set(asked(again).values()) == {1}
    assert len(before | asked(again)) == 40


def test_when_nobody_answers_any_more_it_ends(tmp_path: Path) -> None:
    caller = Caller()
    caller.fails = lambda number, _: True
    with pytest.raises(EvalError, match="20 samples in a row were not answered, the last one"):
        run(tmp_path, caller, suite=Coins(150))
    assert len(caller.asked) < 40
    again = Caller()
    run(tmp_path, again, suite=Coins(150))
    assert len(plays(tmp_path)) == 150


def test_no_more_are_asked_at_once_than_are_wanted(tmp_path: Path) -> None:
    caller = Caller(seconds=0.002)
    run(tmp_path, caller)
    assert caller.most_open == caller.at_once


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 1}, r"samples was .*; sampling\.seed was 0, now 1"),
        ({"repeats": 2}, "repeats was 1, now 2"),
        ({"limit": 3}, "samples was '20, .*', now '3, "),
        ({"caller": Caller(0.7)}, r"identity\.caller was 0\.5, now 0\.7"),
    ],
)
def test_another_run_has_another_folder(
    tmp_path: Path, other: dict[str, object], named: str
) -> None:
    run(tmp_path, Caller())
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(EvalError, match=f"holds another run: {named}"):
        run(tmp_path, **{"caller": Caller(), **other})  # type: ignore[arg-type]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_another_prompt_has_no_old_answers(tmp_path: Path) -> None:
    """A suite whose words changed although its version did not."""
    caller = Caller()
    caller.fails = lambda number, question: number > 20 and len(question.messages) == 2
    assert run(tmp_path, caller).failures
    with pytest.raises(EvalError, match="was another when this run began"):
        # The play that failed begins with the first question, which it asked before.
        run(tmp_path, Caller(), suite=_Reworded())


class _Reworded(Coins):
    async def play(self, sample, repeat, ask):  # type: ignore[no-untyped-def]
        async def reworded(question):  # type: ignore[no-untyped-def]
            said = question.messages[0]
            return await ask(type(question)(messages=[{**said, "content": said["content"] + "!"}]))

        return await super().play(sample, repeat, reworded)


def test_no_folder_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(EvalError, match="is no run's folder, and not empty"):
        run(tmp_path, Caller())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(EvalError, match="cannot write"):
        run(tmp_path / "thesis.txt" / "x", Caller())


def test_one_program_at_a_time(tmp_path: Path) -> None:
    run(tmp_path, Caller())
    settings = json.loads((tmp_path / "run.json").read_text())
    with RunFolder(tmp_path, settings), pytest.raises(OutputError, match="another program"):
        run(tmp_path, Caller())


@pytest.mark.parametrize("name", ["answers.jsonl", "grades.jsonl"])
def test_answers_of_another_form(tmp_path: Path, name: str) -> None:
    run(tmp_path, Caller())
    path = tmp_path / name
    path.write_text(re.sub(r'"(content|outcome)"', '"said"', path.read_text()))
    with pytest.raises(EvalError, match=f"{name} holds 'coin-.*' in another form"):
        run(tmp_path, Caller())


def test_a_part_is_like_the_whole(tmp_path: Path) -> None:
    samples = [
        Sample(id=f"{kind}{number}", category={"kind": kind, "other": str(number)})
        for kind, count in (("a", 60), ("b", 30), ("c", 10))
        for number in range(count)
    ]
    for seed in range(5):
        part = chosen(samples, 21, seed)
        kinds = Counter(sample.category["kind"] for sample in part)
        assert [kinds[kind] for kind in "abc"] in ([13, 6, 2], [12, 6, 3], [12, 7, 2], [13, 7, 1])
        assert chosen(list(reversed(samples)), 21, seed) == part
    assert chosen(samples, 21, 0) != chosen(samples, 21, 1)
    whole = chosen(samples, None, 0)
    assert sorted(whole, key=lambda sample: samples.index(sample)) == samples
    assert chosen(samples, 100, 0) == chosen(samples, 1000, 0) == whole


def test_samples_that_are_none() -> None:
    with pytest.raises(EvalError, match="got two samples of the id x"):
        chosen([Sample(id="x"), Sample(id="x")], None, 0)
    with pytest.raises(EvalError, match="got no samples"):
        chosen([], None, 0)
    with pytest.raises(EvalError, match="got a limit of 0"):
        chosen([Sample(id="x")], 0, 0)


def test_graded_again(tmp_path: Path) -> None:
    """Another version of the rules asks nothing, keeps the old grades, and has its own."""
    run(tmp_path, Caller(1.0))
    before = (tmp_path / "grades.jsonl").read_bytes()
    stricter, caller = _Stricter(), Caller(1.0)
    with pytest.raises(EvalError, match="version was '1', now '2'"):
        run(tmp_path, caller, suite=stricter)
    for number in (1, 2):
        run(tmp_path, caller, suite=stricter, regrades=True)
        assert caller.asked == []
        assert {play.items[0].grade.score for play in plays(tmp_path)} == {0.5}
        assert (tmp_path / f"grades.jsonl.{number}").exists()
    assert (tmp_path / "grades.jsonl.1").read_bytes() == before
    with pytest.raises(EvalError, match="caller was"):
        run(tmp_path, Caller(0.3), suite=stricter, regrades=True)


class _Stricter(Coins):
    def __init__(self) -> None:
        super().__init__()
        self.card = replace(self.card, version="2")

    async def play(self, sample, repeat, ask):  # type: ignore[no-untyped-def]
        (item,) = await super().play(sample, repeat, ask)
        return [replace(item, grade=Grade.share(item.grade.score / 2))]


def test_killed_at_its_beginning(tmp_path: Path) -> None:
    """Before the settings were whole: what is left there is not taken for somebody's folder."""
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / f".gptoss-{'0' * 32}.partial").write_text("{")
    (begun / "answers.jsonl").touch()
    run(begun, Caller())
    assert len(plays(begun)) == 20
    (tmp_path / "other").mkdir()
    (tmp_path / "other/answers.jsonl").write_text("mine\n")
    with pytest.raises(EvalError, match="is no run's folder"):
        run(tmp_path / "other", Caller())
    assert (tmp_path / "other/answers.jsonl").read_text() == "mine\n"


def test_two_that_begin_at_once(tmp_path: Path) -> None:
    """The second one writes no settings of its own beside the first one's answers."""
    with Journal(tmp_path / "answers.jsonl"):
        with pytest.raises(OutputError, match="another program"):
            run(tmp_path, Caller())
        assert not (tmp_path / "run.json").exists()
    run(tmp_path, Caller())


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="cannot write"):
        run(tmp_path / ("a" * 300), Caller())
    for path in (tmp_path / ("a" * 300), tmp_path / "nowhere"):
        with pytest.raises(EvalError, match=r"cannot read|there is no folder"):
            runs_in(path)
