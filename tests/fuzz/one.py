"""Fuzzes one target in this process, which libFuzzer ends: 0 when nothing was found.

python -m tests.fuzz.one NAME --seconds 600 --corpus FOLDER
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import atheris


class _PlainLoaders(MetaPathFinder):
    """Finds this package's sources with Python's own loader, the only one whose code can be instrumented.

    That of an installation in place wraps it.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "gptoss":
            return None
        others = (finder for finder in sys.meta_path[sys.meta_path.index(self) + 1 :])
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((each for each in found if each is not None), None)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return spec
        folders = spec.submodule_search_locations
        return spec_from_file_location(
            fullname,
            spec.origin,
            submodule_search_locations=None if folders is None else [*folders],
        )


sys.meta_path.insert(0, _PlainLoaders())
with atheris.instrument_imports(include=["gptoss"]):
    from tests.fuzz.limits import read_within_limits
    from tests.fuzz.target import Target
    from tests.fuzz.targets import all_targets

    TARGETS = all_targets()

# One input may take so long before it is said to hang. Longer than what is called too much, on a busy machine as well.
_HANGS_S = 60
_MOST_MEGABYTES = 4096


def fuzz(target: Target, seconds: int, corpus: Path) -> None:
    """Fuzz a target for so long; does not return."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    folder = Path(tempfile.mkdtemp(prefix="gptoss-fuzz-"))

    def read(data: bytes) -> None:
        read_within_limits(target, data, folder)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        changed = target.form.mutate(data, random.Random(seed), atheris.Mutate, most)
        return changed[:most]

    atheris.Setup(
        [
            "fuzz",
            f"-max_total_time={seconds}",
            f"-max_len={target.most}",
            f"-timeout={_HANGS_S}",
            f"-rss_limit_mb={_MOST_MEGABYTES}",
            f"-artifact_prefix={corpus.parent}/{target.name}-",
            "-print_final_stats=1",
            str(corpus),
        ],
        read,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def main() -> None:
    """Read the arguments and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, required=True)
    arguments = parser.parse_args()
    fuzz(TARGETS[arguments.name], arguments.seconds, arguments.corpus)


if __name__ == "__main__":
    main()
