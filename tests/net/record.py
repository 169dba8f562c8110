"""Renews the goldens: `python -m tests.net.record [NAME ...]`; see README.md for when that is right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.net import cases, replay, surface

GOLDENS = Path(__file__).parent / "goldens"


def recorders() -> dict[str, Callable[[], str]]:
    """What makes each golden, by its file's name."""
    made: dict[str, Callable[[], str]] = {
        f"{group}.txt": partial(_played, group) for group in cases.groups()
    }
    return {
        **made,
        "openapi.json": surface.openapi,
        "help.txt": surface.help_of_all,
        "names.txt": surface.public_names,
    }


def _played(group: str) -> str:
    return replay.played(cases.read(group))


def main(names: list[str]) -> None:
    """Write all goldens, or those of the given names."""
    GOLDENS.mkdir(exist_ok=True)
    made = recorders()
    for name in names or made:
        (GOLDENS / name).write_text(made[name](), "utf-8")
        print(name)
    if not names:
        for path in GOLDENS.iterdir():
            if path.name not in made:
                path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
