"""Checks claims of the guides about the code: layers, folders, and which files an example of something touches."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from checks.project import Project

CONTRIBUTING, ARCHITECTURE = "CONTRIBUTING.md", "docs/architecture.md"
# As a line of the guide has them: `cli > server | train > ...`.
_LAYERS = re.compile(r"`([a-z]+(?: [>|] [a-z]+)+)`")
_EXAMPLES = re.compile(r"^\| to add \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")


def false_claims(project: Project) -> Iterator[str]:
    """A line for each claim that does not hold."""
    yield from _false_layers(project)
    yield from _untold_folders(project)
    yield from _false_examples(project)


def _false_layers(project: Project) -> Iterator[str]:
    contracts = tomllib.loads(project.text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    declared = next(" > ".join(each["layers"]) for each in contracts if each["type"] == "layers")
    claimed = _LAYERS.findall(project.text(CONTRIBUTING))
    if claimed != [declared]:
        yield f"{CONTRIBUTING}: wanted the layers of pyproject.toml once, `{declared}`; got {claimed or 'none'}"


def _untold_folders(project: Project) -> Iterator[str]:
    page = project.text(ARCHITECTURE)
    packages = (re.fullmatch(r"(src/gptoss/\w+/)__init__\.py", name) for name in project.files)
    for package in packages:
        if package and f"| `{package[1]}` |" not in page:
            yield f"{ARCHITECTURE}: has no sentence for the folder {package[1]}"


def _false_examples(project: Project) -> Iterator[str]:
    table = _EXAMPLES.search(project.text(ARCHITECTURE))
    if table is None:
        yield f"{ARCHITECTURE}: got no table that begins `| to add |`"
        return
    for row in table[1].splitlines():
        _, what, examples, touched, *_ = (cell.strip() for cell in row.split("|"))
        names = [_plain(name) for name in _QUOTED.findall(examples)]
        for path in _QUOTED.findall(touched):
            file = project.find(path, ARCHITECTURE) if "." in path else None
            if file and not any(name in _plain(project.text(file)) for name in names):
                yield f"{ARCHITECTURE}: {what}: {path} has nothing of {examples}"


def _plain(text: str) -> str:
    """Letters and digits alone, so that `min_p`, `MinP` and `--min-p` are one."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
