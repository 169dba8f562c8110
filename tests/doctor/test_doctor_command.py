"""`gptoss doctor` as a person meets it: lines, colours, JSON, exit status."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gptoss.cli import doctor as doctor_command
from gptoss.cli.doctor import STATUS
from gptoss.cli.doctor_report import Report
from gptoss.cli.main import app
from gptoss.cli.pull_progress import PullProgress
from gptoss.errors import RequestError
from gptoss.runtime.doctor import Finding, Level, examination
from tests.cli import test_cli
from tests.doctor.models import INDEX, SHARDS, change


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's user counts, in this process and in others."""
    own = {"HF_HUB_CACHE": str(tmp_path / "hub"), "GPTOSS_ISA": "", "GPTOSS_MODEL": ""}
    monkeypatch.setattr(test_cli, "ENVIRONMENT", {**test_cli.ENVIRONMENT, **own})
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    # Nor does its processor.
    monkeypatch.setattr(examination, "look_at_machine", lambda: iter(()))


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["doctor", *map(str, arguments)])


def facts(*arguments: object, status: int) -> dict[str, Any]:
    """What `--json` says, and nothing else."""
    done = doctor(*arguments, "--json")
    assert (done.exit_code, done.stderr) == (status, "")
    found: dict[str, Any] = json.loads(done.stdout)
    assert STATUS[found["worst"]] == status
    return found


def refusal(*arguments: object) -> str:
    done = doctor(*arguments)
    assert isinstance(done.exception, RequestError)
    assert done.stdout == ""
    return str(done.exception)


def test_nano_in_a_pipe() -> None:
    done = test_cli.run("doctor", "nano")
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert lines[0].startswith("ok       machine, versions: gptoss ")
    assert all(re.match(r"(ok|note|warning) +\w+, [\w -]+: ", line) for line in lines[:-1])
    # An old processor is one, and nothing else.
    wrong = [line for line in lines if line.startswith("warning")]
    assert all("machine, processor" in line for line in wrong)
    assert done.returncode == len(wrong)
    assert lines[-1] == ("1 warning: it runs" if wrong else "nothing is wrong")
    assert "\x1b" not in "".join(lines)


def test_without_a_model() -> None:
    found = facts(status=0)
    assert found["model"] == "nano"
    which = next(each for each in found["findings"] if each["group"] == "model")
    assert "none is named" in which["said"]


def test_json_and_status(model: Path) -> None:
    found = facts(model, status=0)
    assert found["worst"] == "note"
    assert set(found["findings"][0]) == {"group", "name", "level", "said", "remedy", "mends"}
    change(model / INDEX, metadata={"total_size": 1})
    found = facts("--model", model, "--quick", status=1)
    (index,) = [each for each in found["findings"] if each["mends"]]
    assert (index["name"], index["mends"]) == ("index", INDEX)
    (model / SHARDS[0]).unlink()
    facts(model, status=2)
    assert set(STATUS) == set(map(str, Level))


def test_a_model_that_is_not_there() -> None:
    done = test_cli.run("doctor", "gpt-oss-20b")
    assert (done.returncode, done.stderr) == (2, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("error")]
    assert "do: `gptoss pull gpt-oss-20b` fetches it" in line


def test_repair(model: Path, tmp_path: Path) -> None:
    change(model / "generation_config.json", eos_token_id=13)
    out = tmp_path / "out"
    done = doctor(model, "--repair", out)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "nothing is wrong"
    assert "ok       repair, new file: eos_token_id of generation_config.json" in done.stdout
    assert "wanted a new folder" in refusal(model, "--repair", out)
    # What cannot be mended counts.
    (model / "tokenizer_config.json").write_text('{"eos_token": "x"}')
    found = facts(model, "--repair", tmp_path / "two", status=1)
    assert [each["name"] for each in found["left"]] == ["end tokens"]
    assert found["repaired"] == str(tmp_path / "two")


def test_two_models_are_refused() -> None:
    assert "wanted one" in refusal("nano", "--model", "other")


def test_a_bar_while_much_is_read(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    monkeypatch.setattr(doctor_command, "_LEAST_SHOWN_BYTES", 0)
    monkeypatch.setattr(PullProgress, "moved", lambda _, num_bytes: heard.append(num_bytes))
    assert doctor(model).exit_code == 0
    assert sum(heard) == sum((model / name).stat().st_size for name in SHARDS)


def test_stopped_while_reading(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor_command._Reading, "show", stop)
    done = doctor(model)
    assert done.exit_code == 130
    assert "what was found until then holds" in done.stderr
    assert "files, weights: 2 safetensors files" in done.stdout


def in_a_terminal(*arguments: str, columns: int) -> str:
    controller, terminal = pty.openpty()
    environment = {**test_cli.ENVIRONMENT, "COLUMNS": str(columns), "TERM": "xterm"}
    environment.pop("NO_COLOR")
    process = subprocess.Popen(
        [sys.executable, "-m", "gptoss", "doctor", *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
    )
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 65536):
            shown += part
    except OSError:
        # The other end is closed.
        pass
    os.close(controller)
    process.wait(60)
    return shown.decode()


def test_in_a_terminal(model: Path) -> None:
    change(model / "generation_config.json", eos_token_id=13)
    shown = in_a_terminal(str(model), columns=80)
    assert "\x1b[1;31m  error" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r", "")
    lines = plain.splitlines()
    headings = [line for line in lines if not line.startswith(" ")]
    assert headings[:-1] == [
        "machine",
        "model",
        "files",
        "configuration",
        "tokenizer",
        "room",
        "weights",
        "sandbox",
    ]
    assert headings[-1] == "1 error: it does not run, or would answer wrongly"
    assert any(line.strip().startswith("do: `gptoss doctor") for line in lines)
    # Only a path is longer.
    assert all(len(line) <= 80 or str(model) in line for line in lines)


def test_what_a_terminal_would_obey_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(is_shown=True)
    report.add(Finding("files", "weights", Level.ERROR, "a\x1b[2Jb\nc\u202e is bad", "r\x07"))
    shown = capsys.readouterr().out
    assert shown == "error    files, weights: a\\x1b[2Jb\\nc\\u202e is bad; do: r\\x07\n"


def test_a_folder_with_an_odd_name(model: Path, tmp_path: Path) -> None:
    odd = model.rename(tmp_path / "a b;\n'x'")
    change(odd / INDEX, metadata={"total_size": 1})
    done = doctor(odd, "--quick")
    assert done.exit_code == 1
    *lines, _ = done.stdout.splitlines()
    assert all(re.match("(ok|note|warning) ", line) for line in lines)
