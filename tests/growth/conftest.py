"""Counts instructions under callgrind: of all cases that a session has, in one process, which begins with the first."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FOLDER = Path(__file__).parent
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)
_MOST_S = 1800


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of growth first: together, so that one worker counts, while the others go on."""
    items.sort(key=lambda item: _FOLDER not in item.path.parents)


@pytest.fixture(scope="session")
def counts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, int]]:
    """Instructions of each case's two calls."""
    if shutil.which("valgrind") is None:
        if os.environ.get("GPTOSS_TEST_VALGRIND") == "required":
            pytest.fail("got no valgrind, wanted it to count instructions; install it")
        pytest.skip("needs valgrind, which counts instructions")
    names = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and _FOLDER in item.path.parents
    ]
    return _counted(names, tmp_path_factory.mktemp("growth"))


def _counted(names: list[str], folder: Path) -> dict[str, tuple[int, int]]:
    out, log = folder / "counts", folder / "log"
    command = [
        *("valgrind", "--tool=callgrind", "--dump-before=getloadavg", "--instr-atstart=no"),
        *(f"--callgrind-out-file={out}", sys.executable, "-m", "tests.growth.count", *names),
    ]
    with log.open("w") as errors:
        said = subprocess.run(
            command,
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=_MOST_S,
            check=False,
        )
    assert said.returncode == 0, log.read_text()[-3000:]
    counted = said.stdout.splitlines()
    # Before each call there is a count of what lies between calls.
    totals = [_total(out, 2 * index) for index in range(1, len(counted) + 1)]
    return {name: (totals[2 * i], totals[2 * i + 1]) for i, name in enumerate(counted[::2])}


def _environment() -> dict[str, str]:
    """This process's, without its choice of kernels: Valgrind's processor has AVX2 and no more."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("GPTOSS_ISA", "GPTOSS_BF16_PAIRS")
    }
    return {**kept, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}


def _total(out: Path, number: int) -> int:
    text = out.with_name(f"{out.name}.{number}").read_text()
    return sum(map(int, _TOTAL.findall(text)))
