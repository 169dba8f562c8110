"""`gptoss sandbox` as a person meets it: output, what is said of the sandbox, exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gptoss.cli.main import app
from gptoss.errors import GptossError
from gptoss.tools.sandbox import RungName, look_at
from tests.tools.sandbox.conftest import skip_or_fail


@pytest.fixture(params=list(RungName))
def rung(request: pytest.FixtureRequest) -> str:
    look = look_at(request.param)
    if look.problem:
        skip_or_fail(f"no {look.rung.name} here: {look.problem}")
    return str(look.rung.name)


def run(rung: str, code: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", "-", "--rung", rung, *options], input=code)


def test_what_it_prints(rung: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nopen('made.txt', 'w').write('x')\n40 + 2"
    )
    done = CliRunner().invoke(app, ["sandbox", str(program), "--rung", rung])
    assert (done.exit_code, done.stdout) == (0, "out\n42\n")
    assert done.stderr.splitlines() == [
        "err",
        "gptoss: it wrote made.txt in /mnt/data, which is gone now",
        f"gptoss: ran in the rung {rung}, 120 s, 2.0 GiB of memory, 128.0 MiB of /mnt/data, one process, no network",
    ]


def test_what_it_was_refused(rung: str) -> None:
    done = run(rung, "import socket\nopen('/etc/passwd')")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "gptoss: refused: read: /etc/passwd\n" in done.stderr


@pytest.mark.parametrize(
    ("code", "options", "status"),
    [
        ("while True: pass", ("--timeout", "0.3"), 124),
        ("x = bytearray(1 << 30)", ("--memory", "256M"), 137),
        ("import os; os._exit(0)", (), 137),
        ("import sys; sys.exit(5)", (), 1),
        ("import sys; sys.exit(0)", (), 0),
    ],
)
def test_status(rung: str, code: str, options: tuple[str, ...], status: int) -> None:
    done = run(rung, code, *options)
    assert done.exit_code == status, done.stderr
    assert f"gptoss: ran in the rung {rung}" in done.stderr


def test_json(rung: str) -> None:
    done = run(rung, "print('a')\n1 / 0", "--json", "--memory", "512M")
    assert (done.exit_code, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert (found["reason"], found["stdout"], found["rung"]) == ("error", "a\n", rung)
    assert found["stderr"].endswith("ZeroDivisionError: division by zero\n")
    assert found["limits"]["memory_bytes"] == 512 << 20


def test_ctrl_c_goes_to_the_program(rung: str, tmp_path: Path) -> None:
    code = "import time\nprint('begun', flush=True)\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('tidied up')"
    begun = tmp_path / "begun"
    file = tmp_path / "program.py"
    file.write_text(code)
    watched = f"""
import sys
from gptoss.cli.main import run
from gptoss.tools.sandbox.exchange import Exchange
send = Exchange._send
def told(self):
    if b"tidied" in self._rest.tobytes():
        open({str(begun)!r}, "w").close()
    return send(self)
Exchange._send = told
sys.argv = ["gptoss", "sandbox", {str(file)!r}, "--rung", {rung!r}]
run()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", watched], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    stdout, _ = process.communicate(timeout=20)
    assert stdout == "begun\ntidied up\n"
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("/none.py",), "cannot read '/none.py': No such file or directory; name a file of Python"),
        (("-", "--rung", "docker"), "got the rung 'docker', wanted one of bubblewrap, landlock"),
        (("-", "--timeout", "-1"), "got -1.0 as wall_s, wanted a number above 0"),
        (("-", "--memory", "lots"), "got a memory budget of 'lots'"),
        (("-", "--memory", "1M"), "wanted 134,217,728 or more"),
        (("/dev/zero",), "cannot read '/dev/zero'"),
    ],
)
def test_wrong_options(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, ["sandbox", *arguments], input="1")
    assert isinstance(done.exception, GptossError)
    assert done.stdout == ""
    assert said in str(done.exception)
