"""Makes every case's calls under callgrind, which writes a count before each call of `getloadavg`.

`python -m tests.growth.count [NAME ...]`. Prints a line for each call that is counted.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys

from tests.growth.cases import all_cases

# A C function that nothing else calls: callgrind's mark between counts.
_mark = os.getloadavg


def main(names: list[str]) -> None:
    """Two counts for each case: of the smaller input, and of the one of twice its size."""
    cases = all_cases()
    gc.disable()
    for name in names or cases:
        case = cases[name]
        for size in (case.size, 2 * case.size):
            # What is imported, compiled or cached by a first call is not counted.
            _call(case.call, case.make(max(1, case.size // 8)))
            given = case.make(size)
            _mark()
            _call(case.call, given)
            _mark()
            print(name, flush=True)


def _call(call: object, given: object) -> None:
    with contextlib.suppress(Exception):
        call(given)  # type: ignore[operator]


if __name__ == "__main__":
    main(sys.argv[1:])
