"""Twice the input takes at most about twice the instructions, wherever bytes from outside are read.

Instructions are counted by callgrind: they are the same on a busy machine, and C code beneath Python is counted too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.growth.cases import all_cases

ROOT = Path(__file__).parents[2]
# Room for what sorts, and for tables that double; what is quadratic has 4.
MOST = 2.6
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    """Instructions of each case's two calls."""
    if shutil.which("valgrind") is None:
        if os.environ.get("GPTOSS_TEST_VALGRIND") == "required":
            pytest.fail("got no valgrind, wanted it to count instructions; install it")
        pytest.skip("needs valgrind, which counts instructions")
    out = tmp_path_factory.mktemp("growth") / "counts"
    command = [
        *("valgrind", "--tool=callgrind", "--dump-before=getloadavg"),
        *(f"--callgrind-out-file={out}", sys.executable, "-m", "tests.growth.count"),
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    names = done.stdout.splitlines()
    # Before each call there is a count of what lies between calls.
    found = [
        sum(map(int, _TOTAL.findall(out.with_name(f"{out.name}.{2 * index}").read_text())))
        for index in range(1, len(names) + 1)
    ]
    return {name: (found[2 * i], found[2 * i + 1]) for i, name in enumerate(names[::2])}


@pytest.mark.parametrize("name", all_cases())
def test_twice_the_input_takes_twice_the_steps(
    name: str, counts: dict[str, tuple[int, int]]
) -> None:
    small, large = counts[name]
    assert large <= MOST * small, f"{small:,} instructions, then {large:,}: {large / small:.2f} x"
