"""Reads inputs once more, without a fuzzer: those that were found, and all that a run has kept.

python -m tests.fuzz.replay [FOLDER]      build/fuzz; under a build with sanitizers as well
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.limits import read_within_limits
from tests.fuzz.target import Target
from tests.fuzz.targets import all_targets

FINDINGS = Path(__file__).parent / "findings"


def inputs_of(target: Target, folder: Path) -> Iterator[Path]:
    """The files that a folder holds for a target."""
    return (path for path in sorted((folder / target.name).glob("*")) if path.is_file())


def replay(target: Target, folder: Path) -> int:
    """Read a folder's inputs of a target; how many there were. What is wrong raises."""
    count = 0
    with tempfile.TemporaryDirectory() as place:
        for path in inputs_of(target, folder):
            try:
                read_within_limits(target, path.read_bytes(), Path(place))
            except Exception as error:
                error.add_note(f"reading {path}")
                raise
            count += 1
    return count


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build") / "fuzz"
    for each in all_targets().values():
        print(f"{each.name}: {replay(each, given)} inputs", flush=True)
