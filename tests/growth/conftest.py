"""Counting takes minutes: it begins with the session, on a core of its own, and is looked at in the end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FOLDER = Path(__file__).parent
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)
_MOST_S = 1800


def _environment() -> dict[str, str]:
    """This process's, without its choice of kernels: Valgrind's processor has AVX2 and no more."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("GPTOSS_ISA", "GPTOSS_BF16_PAIRS")
    }
    return {**kept, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}


class Counting:
    """callgrind over the cases of a session, each of which is counted twice."""

    def __init__(self, names: list[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="growth-")
        self._out = Path(self._folder.name) / "counts"
        self._errors = Path(self._folder.name) / "errors"
        command = [
            *("valgrind", "--tool=callgrind", "--dump-before=getloadavg"),
            *(f"--callgrind-out-file={self._out}", sys.executable, "-m", "tests.growth.count"),
        ]
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [*command, *names],
                cwd=ROOT,
                env=_environment(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def counts(self) -> dict[str, tuple[int, int]]:
        """Instructions of each case's two calls, when all are counted."""
        said, _ = self._process.communicate(timeout=_MOST_S)
        assert self._process.returncode == 0, self._errors.read_text()[-3000:]
        names = said.splitlines()
        # Before each call there is a count of what lies between calls.
        found = [self._total(2 * index) for index in range(1, len(names) + 1)]
        return {name: (found[2 * i], found[2 * i + 1]) for i, name in enumerate(names[::2])}

    def end(self) -> None:
        """Nothing of it is left."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _total(self, number: int) -> int:
        text = self._out.with_name(f"{self._out.name}.{number}").read_text()
        return sum(map(int, _TOTAL.findall(text)))


_COUNTING = pytest.StashKey[Counting]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of growth last, and begin to count for them."""
    ours = [item for item in items if _FOLDER in item.path.parents]
    items[:] = [item for item in items if item not in ours] + ours
    if ours and shutil.which("valgrind") is not None and not config.option.collectonly:
        names = [
            str(item.callspec.params["name"]) for item in ours if isinstance(item, pytest.Function)
        ]
        config.stash[_COUNTING] = Counting(names)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what still runs, when a session ends early."""
    if _COUNTING in config.stash:
        config.stash[_COUNTING].end()


@pytest.fixture(scope="session")
def counts(request: pytest.FixtureRequest) -> dict[str, tuple[int, int]]:
    """Instructions of each case's two calls."""
    if _COUNTING not in request.config.stash:
        if os.environ.get("GPTOSS_TEST_VALGRIND") == "required":
            pytest.fail("got no valgrind, wanted it to count instructions; install it")
        pytest.skip("needs valgrind, which counts instructions")
    return request.config.stash[_COUNTING].counts()
