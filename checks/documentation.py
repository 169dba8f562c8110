"""Reads the code blocks of README and guides, and says how each is known to be true: python -m checks.documentation.

A block of `sh` or `python` is run by `tests/docs`, page by page and in order, and what it prints is compared with what
the page shows: a `text` or `json` block right under it, or what stands behind `# ->` in its Python. In both, `…` stands
for whatever differs from run to run. A block that cannot be run there has its reason right above it, in a line:

    <!-- not run: downloads 13.8 GB -->
    <!-- run by tests/hub/test_first_answer.py -->

the second where a test of its own runs it. Any other block is a fault.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checks.project import Project

PAGES = ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "recipes/nano/README.md")
FOLDER = "docs/"
RUN, SHOWN = ("sh", "python"), ("text", "json")

_FENCE = re.compile(r"^```(\S*)$")
_LIKE_A_FENCE = re.compile(r"^\s*(?:```|~~~)")
_NOT_RUN = re.compile(r"^<!-- not run: (\S.*) -->$")
_RUN_BY = re.compile(r"^<!-- run by (\S+) -->$")
_LIKE_A_MARK = re.compile(r"^<!--\s*(?:not.?run|run\b)", re.IGNORECASE)
_PRINTED = re.compile(r"# -> (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code, where it begins, and what a mark above it or a block under it say of it.

    line       of its first line of code
    reason     why it is not run, and None where nothing says so
    run_by     the test of its own that runs it
    printed    what the page shows that it prints, and None where nothing is shown
    """

    page: str
    line: int
    language: str
    code: str
    reason: str | None = None
    run_by: str | None = None
    printed: str | None = None

    @property
    def is_run(self) -> bool:
        """Whether `tests/docs` runs it."""
        return self.language in RUN and self.reason is None and self.run_by is None

    @property
    def can_show_more(self) -> bool:
        """Whether what it prints may stand in a block under it. Of what is not run, nothing is known to be true."""
        return self.is_run and self.printed is None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class _Fence:
    """A block as it stands in a page, the line above it, and whether only blank lines are between it and the last."""

    line: int
    language: str
    code: str
    above: str
    follows: bool


def pages(project: Project) -> list[str]:
    """The pages whose blocks are read."""
    guides = [n for n in project.files if n.startswith(FOLDER) and n.endswith(".md")]
    return [*PAGES, *guides]


def blocks(page: str, text: str) -> list[Block]:
    """The blocks of a page. One that shows what another prints is a part of that."""
    found: list[Block] = []
    for fence in _fences(text.split("\n")):
        before = found[-1] if found else None
        if fence.language in SHOWN and fence.follows and before and before.can_show_more:
            found[-1] = replace(before, printed=fence.code)
        else:
            found.append(_block(page, fence))
    return found


def _block(page: str, fence: _Fence) -> Block:
    reason, run_by = _NOT_RUN.match(fence.above), _RUN_BY.match(fence.above)
    printed = _PRINTED.findall(fence.code) if fence.language == "python" else []
    return Block(
        page,
        fence.line,
        fence.language,
        fence.code,
        reason[1] if reason else None,
        run_by[1] if run_by else None,
        "\n".join(printed) + "\n" if printed else None,
    )


def _fences(lines: Sequence[str]) -> Iterator[_Fence]:
    """A block between fences, and its place."""
    above, begun, follows, language = "", 0, False, ""
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if begun:
            if fence:
                code = "\n".join(lines[begun : number - 1]) + "\n"
                yield _Fence(begun + 1, language, code, above, follows)
                above, begun, follows = "", 0, True
        elif fence:
            begun, language = number, fence[1]
        elif line.strip():
            above, follows = line, False


def faults(project: Project) -> Iterator[str]:
    """A line for each block of which nothing says whether it is true, and for each mark that says nothing."""
    for page in pages(project):
        text = project.text(page)
        for block in blocks(page, text):
            yield from _faults(project, block)
        for number, line in enumerate(text.split("\n"), 1):
            if _LIKE_A_FENCE.match(line) and not _FENCE.match(line):
                yield f"{page}:{number}: got `{line}`; wanted ``` and at most a language, at the line's begin"
            if _LIKE_A_MARK.match(line) and not _is_above_a_block(text, number):
                yield (
                    f"{page}:{number}: got `{line}`; wanted `<!-- not run: REASON -->` or `<!-- run by FILE -->` in "
                    "the line above a block"
                )
        if sum(bool(_FENCE.match(line)) for line in text.split("\n")) % 2:
            yield f"{page}: a block has no end: every ``` needs another"


def _is_above_a_block(text: str, number: int) -> bool:
    line, below = [*text.split("\n"), ""][number - 1 : number + 1]
    return bool((_NOT_RUN.match(line) or _RUN_BY.match(line)) and _FENCE.match(below))


def _faults(project: Project, block: Block) -> Iterator[str]:
    if block.run_by is not None:
        name = Path(block.page).name
        if project.find(block.run_by) != block.run_by or name not in project.text(block.run_by):
            yield f"{block.place}: it is said to be run by {block.run_by}, which does not name {name}"
    elif block.reason is None and block.language not in RUN:
        yield (
            f"{block.place}: a block of `{block.language}` that nothing runs: show with it what a block of "
            f"{' or '.join(RUN)} right above prints, or say why not, in the line above: `<!-- not run: REASON -->`"
        )


def counts(found: Sequence[Block]) -> str:
    """How many blocks are run, compared and marked, in a line."""
    run = [block for block in found if block.is_run or block.run_by]
    compared = [block for block in run if block.printed is not None or block.run_by]
    return (
        f"{len(found)} blocks: {len(run)} run, {len(compared)} of them compared with what is shown, "
        f"{len(found) - len(run)} marked not run"
    )


def main() -> int:
    project = Project.of_git(Path.cwd())
    wrong = list(faults(project))
    for line in wrong:
        print(line, file=sys.stderr)
    found = [block for page in pages(project) for block in blocks(page, project.text(page))]
    print(f"documentation: {counts(found)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
