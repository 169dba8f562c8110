"""`gptoss eval` as a person meets it: asked, ended, gone on with, compared, and refused in a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gptoss import nano
from tests.cli.test_cli import ENVIRONMENT, output, refused, run

CARD = str(Path(nano.__file__).with_name("MODEL_CARD.md"))
SUMS = ("eval", "arithmetic", "--model", "nano", "--size", "20", "--temperature", "0")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one suite at two efforts."""
    out = tmp_path_factory.mktemp("evals") / "nano"
    output(*SUMS, "--reasoning", "low,medium", "--out", str(out))
    return out


def test_reports_of_each_run_and_of_all(found: Path) -> None:
    for folder in (found, *(found / f"arithmetic-gptoss-1-{each}" for each in ("low", "medium"))):
        for name in ("report.html", "report.md", "report.json"):
            assert (folder / name).stat().st_size > 500
    runs = json.loads((found / "report.json").read_text())["runs"]
    assert [each["facts"]["sampling"]["effort"] for each in runs] == ["low", "medium"]
    assert runs[0]["facts"]["command"].startswith("gptoss eval arithmetic")


def test_every_figure_has_its_interval(found: Path) -> None:
    shown = output(*SUMS, "--reasoning", "medium", "--out", str(found))
    assert "20 plays, 20 of them there" in shown
    assert "can show: " in shown
    figures = [line for line in shown.splitlines() if " % (" in line and "n " in line]
    assert len(figures) >= 2
    assert "about" not in shown


def test_json_is_one_object(found: Path) -> None:
    made = output(*SUMS, "--reasoning", "medium", "--out", str(found), "--json")
    assert json.loads(made)["runs"][0]["figures"]["score"]["n"] == 20


def test_two_are_compared(found: Path, tmp_path: Path) -> None:
    low, medium = (str(found / f"arithmetic-gptoss-1-{each}") for each in ("low", "medium"))
    shown = output("eval", "compare", low, medium, "--out", str(tmp_path / "c"))
    assert "B - A  +" in shown
    assert "sampling.effort is 'low' in A, 'medium' in B" in shown
    assert (tmp_path / "c" / "comparison.html").exists()
    made = json.loads(output("eval", "compare", low, medium, "--json"))
    assert made["comparisons"][0]["difference"]["up"] > 0
    same = output("eval", "compare", low, low)
    assert "includes zero: no difference is shown" in same
    assert "wanted two of a kind" in refused("eval", "compare", low, str(found))
    assert "holds no run" in refused("eval", "compare", low, str(tmp_path))


def test_another_run_is_not_mixed_in(found: Path) -> None:
    told = refused(*SUMS, "--seed", "1", "--out", str(found))
    assert "holds another run" in told
    assert "sampling.seed was 0, now 1" in told


def test_killed_and_gone_on_with(tmp_path: Path) -> None:
    wanted = ("eval", "arithmetic", "--model", "nano", "--size", "60", "--out", str(tmp_path))
    command = [sys.executable, "-m", "gptoss", *wanted]
    answers = tmp_path / "arithmetic-gptoss-1-medium" / "answers.jsonl"
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as process:
        latest = time.monotonic() + 120
        while not answers.exists() or answers.read_bytes().count(b"\n") < 5:
            assert process.poll() is None
            assert time.monotonic() < latest
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert "60 plays" in output(*wanted)
    lines = answers.read_bytes().splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == len(lines) == 60


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    at = ("--model", "nano", "--out", str(tmp_path / "x"))
    assert "wanted one of mmlu-pro" in refused("eval", "nothing", *at)
    assert "got a limit of 0" in refused("eval", "arithmetic", "--limit", "0", *at)
    assert "docs/evaluation.md" in refused("eval", "gpqa-diamond", *at)
    assert "without --server" in refused("eval", "arithmetic", "--server-model", "x", *at)
    assert "wanted SUITE=PATH" in refused("eval", "hle", "gpqa-diamond", "--data", "x", *at)
    assert "cannot be reached" in refused("eval", "turns", "--server", "http://127.0.0.1:1")
    assert "got the address" in refused("eval", "turns", "--server", "localhost:8000")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("suite", "option", "said"),
    [
        ("arithmetic", "--protocol=official", "which arithmetic does not read"),
        ("arithmetic", "--data=x.csv", "got --data, which arithmetic does not read"),
        ("arithmetic", "--judge=self", "it is for hle"),
        ("hle", "--size=0", "got --size, which hle does not read"),
        ("hle", "--since=2024-01-01", "it is for livecodebench"),
        ("scicode", "--grader=official", "it is for livecodebench"),
        ("mmlu-pro", "--time-limit=0", "it is for livecodebench, scicode"),
        ("hle", "--judge-model=x", "without a judge's server"),
        ("arithmetic", "--temperature=nan", "got the temperature nan, wanted 0 to 2"),
        ("arithmetic", "--temperature=-1", "got the temperature -1"),
        ("arithmetic", "--top-p=0", "got top_p 0, wanted more than 0"),
        ("arithmetic", "--max-tokens=0", "got max_tokens 0, wanted 1 or more"),
        ("arithmetic", "--server=http://127.0.0.1:1", "got --model and --server"),
    ],
)
def test_options_that_nobody_reads(suite: str, option: str, said: str, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "x"))
    assert said in refused("eval", suite, option, "--model", "nano", *out)
    assert not (tmp_path / "x").exists()


def test_dates_and_time_limits(tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "golden/evals/livecodebench/test.jsonl"
    command: tuple[str, ...] = ("eval", "livecodebench", "--data", str(data), "--limit", "1")
    command += (
        "--model",
        "nano",
        "--repeats",
        "1",
        "--max-tokens",
        "8",
        "--out",
        str(tmp_path / "x"),
    )
    assert "wanted one like 2024-07-01" in refused(*command, "--since", "July")
    assert "not after the other" in refused(*command, "--since=2024-08-01", "--until=2024-07-01")
    assert "no problem from the first one" in refused(
        *command, "--protocol", "official", "--until", "1999-01-01"
    )
    for limit in ("0", "nan", "1e9"):
        assert "wanted 0.1 to 86,400 s" in refused(*command, "--time-limit", limit)
    output(*command, "--since", "2023-01-01", "--until", "2025-01-01", "--time-limit", "9")
    (made,) = json.loads((next(tmp_path.glob("x/*/report.json"))).read_text())["runs"]
    differs = made["facts"]["card"]["differs"]
    assert "tests have 9 s, not 6 s" in differs
    assert "problems from 2023-01-01 to 2025-01-01" in differs
    assert made["published"] == []


def test_why_nothing_is_graded_is_said(tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "golden/evals/hle/test.jsonl"
    made = run(
        *("eval", "hle", "--data", str(data), "--model", "nano", "--limit", "2"),
        *("--judge", "self", "--out", str(tmp_path)),
    )
    assert made.returncode == 0
    assert made.stderr.count("is not graded: the judge says neither yes nor no") == 2
    assert "no graded item" in made.stdout
    assert "Why items are not graded" in next(tmp_path.glob("*/report.md")).read_text()
    assert "and no published one to hold it against" in made.stdout


def test_list() -> None:
    shown = output("eval", "list")
    assert "gpqa-diamond" in shown
    assert "arithmetic" in shown
    names = {each["name"] for each in json.loads(output("eval", "list", "--json"))["suites"]}
    assert {"mmlu-pro", "hle", "scicode", "livecodebench", "determinism"} <= names


def test_perplexity() -> None:
    made = json.loads(
        output(
            "eval", "perplexity", CARD, "--model", "nano", "--reference-precision", "bf16", "--json"
        )
    )
    assert made["reference"]["precision"] == "bf16"
    assert 0 < made["divergence"]["low"] < made["divergence"]["high"]
    shown = output("eval", "perplexity", CARD, "--model", "nano")
    assert "perplexity " in shown
    assert "KL" not in shown
    assert "cannot read" in refused("eval", "perplexity", "/nowhere", "--model", "nano")
    assert "wanted an overlap" in refused(
        "eval", "perplexity", CARD, "--model", "nano", "--window", "9", "--overlap", "9"
    )


def test_drift(tmp_path: Path) -> None:
    file = str(tmp_path / "nano.json")
    output("eval", "fingerprint", file, "--model", "nano")
    assert "is there already" in refused("eval", "fingerprint", file, "--model", "nano")
    same = json.loads(output("eval", "drift", file, "--model", "nano", "--json"))
    assert same["same"] == [True] * len(same["same"])
    shown = output("eval", "drift", file, "--model", "nano", "--precision", "bf16")
    assert "precision: int8 then, bf16 now" in shown
    assert "is no fingerprint" in refused("eval", "drift", CARD, "--model", "nano")


def test_help_without_a_suite() -> None:
    assert "compare" in run("eval", "--help").stdout
    assert "--sandbox-python" in run("eval", "run", "--help").stdout
