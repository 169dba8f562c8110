"""Agents and frameworks of others, each in an empty network with a server of its own.

`make test-slow` installs them in CLIENTS and NODE_MODULES.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "build" / "clients"
PYTHON, NODE = CLIENTS / "bin" / "python", CLIENTS / "bin" / "node"
SCRIPTS = Path(__file__).parent
NODE_MODULES = SCRIPTS / "node" / "node_modules"
# In a network of its own. No one becomes root for it: a sandbox that is opened by root must be able to become nobody.
ALONE = ("unshare", "-n") if os.geteuid() == 0 else ("unshare", "-cn", "--keep-caps")
_MOST_S = 240
_THREAD = "thread_unsupported_request"


@dataclass(frozen=True)
class Ran:
    """How a client ended, and what it asked the server."""

    returncode: int
    stdout: str
    stderr: str
    requests: list[dict[str, Any]]

    @property
    def ignored(self) -> set[str]:
        """Places in its requests that replies say were ignored; numbers are told as `*`."""
        places = {place for each in self.requests for place in each["ignored"]}
        return {re.sub(r"(?<=\.)\d+", "*", place) for place in places}

    def assert_well(self) -> None:
        """It ended well, and nothing that it asked was refused."""
        assert self.returncode == 0, self.stdout[-2000:] + self.stderr[-4000:]
        assert self.requests, "it asked the server nothing"
        refused = [each for each in self.requests if each["status"] != 200]
        # Anthropic's clients try it, and go on without.
        assert [each for each in refused if _THREAD not in each["reply"]] == []


class RunClient(Protocol):
    """Runs a command in an empty network."""

    def __call__(
        self, command: Sequence[str | Path], folder: Path, told: str = "", **environment: str
    ) -> Ran: ...


@pytest.fixture(scope="session", autouse=True)
def needs() -> None:
    """Skip what is here where something of it is missing."""
    for needed in (PYTHON, NODE, NODE_MODULES):
        if not needed.exists():
            pytest.skip(f"{needed.relative_to(ROOT)} is not there: make test-slow installs it")
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare (Debian: apt install util-linux)")
    tried = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this machine lets nobody have a network of their own: {tried.stderr.strip()}")


@pytest.fixture
def run_client(tmp_path: Path) -> RunClient:
    """Runs a command in a folder, with a home and a folder for temporary files of its own, and tells it something."""

    def run(command: Sequence[str | Path], folder: Path, told: str = "", **environment: str) -> Ran:
        report, home, temporary = (tmp_path / name for name in ("report.json", "home", "tmp"))
        home.mkdir(exist_ok=True)
        temporary.mkdir(exist_ok=True)
        given = {
            "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            **environment,
        }
        enclosed = [sys.executable, "-m", "tests.clients.enclosed", str(report)]
        _run([*ALONE, *enclosed, *map(str, command)], folder, given, told)
        return Ran(**json.loads(report.read_text()))

    return run


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str], told: str) -> None:
    """Run it; what it started and left behind ends as well."""
    running = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, failure = running.communicate(told, timeout=_MOST_S)
        assert running.returncode == 0, failure[-4000:]
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
