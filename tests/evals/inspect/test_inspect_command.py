"""inspect-ai's own command finds our model and tasks, runs them as the guide shows, and tells mistakes in a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="inspect-ai is not installed: make test-slow does that")

from inspect_ai.log import list_eval_logs, read_eval_log

from checks.documentation import blocks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PAGE = "docs/evaluation.md"
BIN = Path(sys.executable).parent


def run(command: str) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "INSPECT_DISPLAY": "plain", "COLUMNS": "200"}
    return subprocess.run(
        ["bash", "-euc", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_the_guides_commands(tmp_path: Path) -> None:
    """In the folder of the test, which `own_home` has gone to."""
    name = "tests/evals/inspect/test_inspect_command.py"
    (block,) = [each for each in blocks(PAGE, (ROOT / PAGE).read_text()) if each.run_by == name]
    done = run(block.code)
    assert done.returncode == 0, done.stdout + done.stderr
    (info,) = list_eval_logs(str(tmp_path / "logs"))
    log = read_eval_log(info)
    assert log.status == "success"
    assert log.eval.model == "gptoss/nano"
    assert len(log.samples or ()) == 32
    # The viewer, with the log beside it.
    viewer = tmp_path / "viewer"
    assert "<script" in (viewer / "index.html").read_text()
    (kept,) = (viewer / "logs").glob("*.eval")
    assert read_eval_log(str(kept)).eval.task_id == log.eval.task_id


def test_a_log_is_graded_again_without_the_model(tmp_path: Path) -> None:
    done = run("inspect eval gptoss/arithmetic --model gptoss/nano -T size=4 --log-dir logs")
    assert done.returncode == 0, done.stdout + done.stderr
    (info,) = list_eval_logs(str(tmp_path / "logs"))
    before = read_eval_log(info)
    done = run(f"inspect score {info.name} --scorer gptoss/grades --action overwrite --overwrite")
    assert done.returncode == 0, done.stdout + done.stderr
    after = read_eval_log(info)
    assert [sample.scores for sample in after.samples or ()] == [
        sample.scores for sample in before.samples or ()
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("gptoss/arithmetic --model gptoss/nowhere", "there is no model 'nowhere'"),
        ("gptoss/arithmetic --model gptoss/nano -T seed=-1", "got -1 as seed, wanted 0 or more"),
        (
            "gptoss/arithmetic --model gptoss/nano -M layers=2",
            "got layers, wanted one of precision",
        ),
        ("gptoss/gpqa-diamond --model gptoss/nano", "found no file of GPQA Diamond"),
        ("gptoss/gpqa-diamond --model gptoss/nano -T data=nowhere.csv", "nowhere.csv"),
    ],
)
def test_a_mistake_is_a_line(arguments: str, said: str) -> None:
    done = run(f"inspect eval {arguments} --log-dir logs")
    told = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert said in told
    assert "Traceback" not in told


def test_nothing_of_it_is_loaded_by_ours() -> None:
    code = (
        "import sys, gptoss.cli.main, gptoss.evals.evaluation, gptoss.cli.eval.session;"
        "print(json.dumps(sorted(each for each in sys.modules if each.startswith('inspect_ai'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
