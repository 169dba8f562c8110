"""Fuzzes target after target, each in a process of its own.

    python -m tests.fuzz --seconds 600 [NAME ...]

What was tried and led further is kept in build/fuzz, and gone on from by the next run; what was found lies beside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import all_targets

KEPT = Path("build") / "fuzz"


def fuzz(name: str, seconds: int, folder: Path) -> list[Path]:
    """Fuzz a target for so long; the inputs that were found, of which there is one at most."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    before = set(folder.glob(f"{name}-*"))
    command = [sys.executable, "-m", "tests.fuzz.one", name, "--seconds", str(seconds)]
    with log.open("wb") as out:
        done = subprocess.run(
            [*command, "--corpus", str(folder / name)], stdout=out, stderr=out, check=False
        )
    found = sorted(set(folder.glob(f"{name}-*")) - before)
    if done.returncode and not found:
        raise SystemExit(f"{name} ended with {done.returncode}: see {log}")
    return found


def main() -> None:
    """Fuzz all targets, or those named; the exit status is 1 when something was found."""
    names = list(all_targets())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"got the target {min(unknown)}, wanted some of {', '.join(names)}")
    found = []
    for name in arguments.names or names:
        print(f"{name}: {arguments.seconds} s", flush=True)
        new = fuzz(name, arguments.seconds, KEPT)
        for path in new:
            print(f"  found {path}: see {KEPT / name}.log, then keep it in tests/fuzz/findings")
        found += new
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
