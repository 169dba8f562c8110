"""Which rung is taken where something is missing: kernels without Landlock, without namespaces, without both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss.errors import SandboxError
from gptoss.tools.sandbox import (
    Look,
    Rung,
    RungName,
    bubblewrap,
    choose_rung,
    ladder,
    landlock,
    look_at,
    plan,
    seccomp,
)
from tests.tools.sandbox.conftest import NO_PYTHON, ROOT, python_of, skip_or_fail

CODE = "print('ran', 6 * 7)"
USERS = ("this", "nobody") if os.geteuid() == 0 else ("this",)


def sandbox(
    *options: str, lacks: str = "", user: str = "this", variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`gptoss sandbox` on a kernel that lacks something."""
    found = python_of(user)
    if found is None:
        pytest.skip(NO_PYTHON)
    python, how = found
    command = [*python, "-m", "gptoss", "sandbox", "-", *options]
    if lacks:
        command = [*python, "-m", "tests.tools.sandbox.without", lacks, *command]
    if variables is not None:
        how = {**how, "env": {**how.get("env", os.environ), **variables}}
    return subprocess.run(
        command,
        input=CODE,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        **how,
    )


def require(name: RungName) -> None:
    problem = look_at(name).problem
    if problem:
        skip_or_fail(f"no {name} here: {problem}")


@pytest.mark.parametrize("user", USERS)
def test_the_stronger_one_is_taken(user: str) -> None:
    require(RungName.BUBBLEWRAP)
    done = sandbox(user=user)
    assert (done.returncode, done.stdout) == (0, "ran 42\n")
    assert "ran in the rung bubblewrap" in done.stderr


@pytest.mark.parametrize("user", USERS)
def test_without_namespaces(user: str) -> None:
    require(RungName.LANDLOCK)
    done = sandbox(lacks="namespaces", user=user)
    assert (done.returncode, done.stdout) == (0, "ran 42\n")
    assert "ran in the rung landlock" in done.stderr


def test_without_landlock() -> None:
    require(RungName.BUBBLEWRAP)
    done = sandbox(lacks="landlock")
    assert (done.returncode, done.stdout) == (0, "ran 42\n")
    assert "ran in the rung bubblewrap" in done.stderr
    refused = sandbox("--rung", "landlock", lacks="landlock")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "this kernel has no Landlock" in refused.stderr


@pytest.mark.parametrize("user", USERS)
def test_without_both(user: str) -> None:
    """Nothing runs, and a line says what to do."""
    done = sandbox(lacks="landlock,namespaces", user=user)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "gptoss: code is not run, because there is no sandbox for it (bubblewrap: "
    )
    assert "install bubblewrap" in line
    assert "use Linux 5.13 or newer" in line


def test_a_rung_by_name_is_that_or_none() -> None:
    done = sandbox("--rung", "bubblewrap", lacks="namespaces")
    assert (done.returncode, done.stdout) == (2, "")
    assert "landlock" not in done.stderr.partition("; ")[0]


def test_without_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap, "_PACKAGE", "gptoss_no_such_package")
    assert bubblewrap.find_programs() == []
    assert ladder._bubblewrap().problem == "there is no program bwrap"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "it did not start"),
        (
            "echo 'bwrap: Unknown option --disable-userns' >&2; exit 1",
            "Unknown option --disable-userns",
        ),
        ("exec sleep 60", "it did not start"),
        # One that runs what it is given as it is, without any sandbox.
        ('while [ "$1" != -- ]; do shift; done; shift; exec "$@"', ""),
    ],
)
def test_a_program_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    """Whatever is called bwrap, a rung that does not hold is not taken."""
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr("gptoss.tools.sandbox.process._START_S", 1.0)
    problem = ladder._problem(Rung(RungName.BUBBLEWRAP, str(program)))
    assert problem
    assert said in problem


def test_a_rung_that_does_not_hold(rung: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test that is run in each finds out that its filter, or its rules, let through what they must not."""
    assert ladder._problem(rung) == ""
    allowed = seccomp.assembled([seccomp.Instruction(seccomp.RETURN, 0, 0, seccomp.ALLOW)]).hex()
    with monkeypatch.context() as without_filter:
        without_filter.setattr(plan, "_filter", lambda *_, **__: allowed)
        assert "does not hold what it should: '3 True held'" in ladder._problem(rung)
    if rung.name is RungName.LANDLOCK:
        monkeypatch.setattr(landlock, "ruleset", lambda *_: None)
        assert "does not hold what it should: '3 True held'" in ladder._problem(rung)


def test_names() -> None:
    with pytest.raises(SandboxError, match="wanted one of bubblewrap, landlock"):
        choose_rung("docker")


def test_the_refusal_names_each_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(name: RungName) -> Look:
        return Look(Rung(name), f"no {name}", f"get {name}")

    monkeypatch.setattr(ladder, "look_at", no)
    with pytest.raises(SandboxError) as caught:
        choose_rung()
    said = str(caught.value)
    assert "(bubblewrap: no bubblewrap; landlock: no landlock)" in said
    assert said.endswith("get bubblewrap, or get landlock")


def test_nothing_is_left_when_the_host_is_killed(tmp_path: Path) -> None:
    """A sandbox ends with the program that opened it, whatever it is doing, and however that ends."""
    for name in RungName:
        require(name)
        program = (
            "import os, threading, time\n"
            "from gptoss.tools.sandbox import *\n"
            f"session = Session(look_at(RungName({str(name)!r})).rung)\n"
            "session.start()\n"
            "print(session._sandbox.process.pid, flush=True)\n"
            "threading.Timer(0.3, lambda: os.kill(os.getpid(), 9)).start()\n"
            "session.run('import ctypes, signal; ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\\n'\n"
            "  'signal.signal(2, signal.SIG_IGN)\\nwhile True: pass')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        assert done.returncode == -9, done.stderr
        ended = Path(f"/proc/{done.stdout.strip()}")
        for _ in range(200):
            # Gone, or waiting for whoever collects what has ended.
            try:
                if " Z " in (ended / "stat").read_text().rpartition(")")[2][:4]:
                    break
            except (FileNotFoundError, ProcessLookupError):
                break
            subprocess.run(["sleep", "0.02"], check=True)
        else:
            pytest.fail(f"{name}: process {done.stdout.strip()} goes on")
