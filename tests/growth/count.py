"""Makes every case's calls under callgrind, which writes a count before each call of `getloadavg`.

`valgrind --tool=callgrind --dump-before=getloadavg --instr-atstart=no python -m tests.growth.count [NAME ...]`
prints a line for each call that is counted.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys

from tests.growth.case import Case
from tests.growth.cases import all_cases

# A C function that nothing else calls: callgrind's mark between counts.
_mark = os.getloadavg


def main(names: list[str]) -> None:
    """Two counts for each case: of the smaller input, and of the one of twice its size."""
    cases = all_cases()
    gc.disable()
    _begin_to_count()
    for name in names or cases:
        case = cases[name]
        for size in (case.size, 2 * case.size):
            # What is imported, compiled or cached by a first call is not counted.
            _call(case, case.make(max(1, case.size // 8)))
            given = case.make(size)
            _mark()
            _call(case, given)
            _mark()
            print(name, flush=True)


def _begin_to_count() -> None:
    """Not before: counted, the imports alone would take as long as half of the cases."""
    begin = ["callgrind_control", "--instr=on", str(os.getpid())]
    with subprocess.Popen(begin, stdout=subprocess.DEVNULL) as control:
        # callgrind hears of it when this process does something; a system call that waits is nothing.
        while control.poll() is None:
            pass
    if control.returncode:
        raise SystemExit("got no callgrind that counts, wanted to be run under it")


def _call(case: Case, given: object) -> None:
    try:
        case.call(given)
    except Exception as error:
        if case.raises is None or not isinstance(error, case.raises):
            raise
        return
    if case.raises is not None:
        raise AssertionError(f"{case.name}: it ended well, wanted {case.raises.__name__}")


if __name__ == "__main__":
    main(sys.argv[1:])
