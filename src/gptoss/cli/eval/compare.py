"""`gptoss eval compare`: two runs on the same items."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss.cli.notice import escaped, notice
from gptoss.cli.output import Screen
from gptoss.errors import EvalError
from gptoss.evals.folder import plays_of, runs_in, settings_of
from gptoss.evals.report import Side, compare, compared_files
from gptoss.files.whole import whole_file

if TYPE_CHECKING:
    from gptoss.evals.report import Comparison

_MOST_SHOWN = 5
# Of categories, which are told only where chance alone would hardly bring them.
_SURE = 0.05


def compare_folders(before: Path, after: Path, *, anyway: bool) -> list[Comparison]:
    """Compare run by run; of folders of runs, those of the same name. Raises EvalError."""
    both = runs_in(before), runs_in(after)
    if "" in both[0] or "" in both[1]:
        if both[0].keys() != both[1].keys():
            raise EvalError("got a run and a folder of runs, wanted two of a kind")
        names = [""]
    else:
        names = [name for name in both[0] if name in both[1]]
        for name in sorted(both[0].keys() ^ both[1].keys()):
            notice(f"{name} is in one of them alone")
        if not names:
            raise EvalError(f"{before} and {after} have no run of the same name in common")
    sides = [(_side(both[0][name]), _side(both[1][name])) for name in names]
    return [compare(*each, anyway=anyway) for each in sides]


def show(comparisons: list[Comparison], out: Path | None, *, json: bool) -> None:
    """Print them, and write their report into a folder. Raises EvalError for one that cannot be written."""
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, data in compared_files(comparisons).items():
                with whole_file(out / name) as file:
                    file.write(data)
        except OSError as error:
            raise EvalError(f"cannot write {out}: {error.strerror}") from None
    if json:
        found = {"comparisons": [each.to_dict() for each in comparisons]}
        print(json_module.dumps(found, ensure_ascii=False))
        return
    screen = Screen()
    for comparison in comparisons:
        _show(screen, comparison)
    if out is not None:
        screen.write(f"{escaped(out / 'comparison.html')}\n", "dim")


def _side(path: Path) -> Side:
    return Side(name=str(path), settings=settings_of(path), plays=plays_of(path))


def _show(screen: Screen, comparison: Comparison) -> None:
    screen.write(f"{escaped(comparison.suite)}\n", "bold")
    for letter, name, score in zip("AB", comparison.names, comparison.scores, strict=True):
        screen.write(f"  {letter}  {score}  {escaped(name)}\n")
    screen.write(f"  B - A  {comparison.difference}\n", "bold")
    for (name, value), p in comparison.adjusted.items():
        if p < _SURE:
            found = comparison.categories[name][value]
            screen.write(f"  {escaped(name)} {escaped(value)}: {found}\n")
    for word, flips in (("better", comparison.up), ("worse", comparison.down)):
        named = ", ".join(escaped(flip.item) for flip in flips[:_MOST_SHOWN])
        more = ", ..." if len(flips) > _MOST_SHOWN else ""
        screen.write(f"  {word} in B: {len(flips):,} items{': ' * bool(named)}{named}{more}\n")
    for which, count in zip("AB", comparison.only, strict=True):
        if count:
            screen.write(f"  in {which} alone: {count:,} items\n", "yellow")
    for each in comparison.settings:
        screen.write(f"  {escaped(each)}\n", "dim")
    for each in comparison.warnings:
        screen.write(f"  not the same thing is scored: {escaped(each)}\n", "yellow")
