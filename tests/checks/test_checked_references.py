"""Names of what is gone are found, in every kind of text, and right ones are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.project import Project
from checks.references import References, headings

TREE = {
    "Makefile": "test:  ## the suite\n\techo\n",
    "README.md": "# A title\n\n## How it is checked\n",
    "docs/guide.md": "# Guide\n",
    "docs/decisions/0001-first.md": "",
    "cpp/kernels/rope.h": "",
    "src/gptoss/__init__.py": "from gptoss.engine.worker import Worker\n",
    "src/gptoss/cli/chat.py": "",
    "src/gptoss/engine/__init__.py": "",
    "src/gptoss/engine/worker.py": (
        "LIMIT = 3\n\nclass Worker:\n    queue: list\n    def __init__(self):\n        self.is_open = 1\n"
        "    def step(self):\n        return LIMIT\n\ndef begin_turn():\n    pass\n"
    ),
    "tests/engine/test_worker.py": "def test_step():\n    pass\n\nclass TestLimits:\n    def test_low(self): ...\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Project(tmp_path, list(TREE))


def broken(project: Project, name: str, text: str) -> list[str]:
    """The lines about one more file with that text."""
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    whole = Project(project.root, [*project.files, name])
    return list(References(whole, frozenset({"other.cpp"})).broken())


RIGHT = [
    "[guide](guide.md), [title](../README.md#how-it-is-checked), [here](#words), [web](https://x.org/a.md)",
    "`engine/worker.py`, src/gptoss/engine/worker.py, worker.py, `cpp/kernels/`, `kernels/rope.h`, `engine/*.py`",
    "`gptoss.engine.worker.Worker.step`, `gptoss.Worker.is_open`, gptoss.engine, `engine.worker.begin_turn()`",
    "tests/engine/test_worker.py::test_step and tests/engine/test_worker.py::TestLimits::test_low",
    "`make test`, make nothing of it, `gptoss chat --json`, other.cpp, `Worker`, `begin_turn`, `a/b`, `/v1/x`",
    "```sh\nmake test\n.venv/bin/gptoss chat\n```\n```python\nfrom gptoss import engine\n```",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_there_is_not_reported(project: Project, text: str) -> None:
    assert broken(project, "docs/new.md", f"# Words\n{text}\n") == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[gone](gone.md)", "gone.md"),
        ("[gone](../README.md#nowhere)", "../README.md#nowhere"),
        ("[shortened](worker.py)", "worker.py"),
        ("in src/gptoss/engine/gone.py", "src/gptoss/engine/gone.py"),
        ("in gone.h", "gone.h"),
        ("`engine/gone/`", "engine/gone/"),
        ("`docs/decisions/0002-*.md`", "docs/decisions/0002-*.md"),
        ("gptoss.gone.Worker", "gptoss.gone.Worker"),
        ("gptoss.engine.worker.Gone", "gptoss.engine.worker.Gone"),
        ("gptoss.engine.worker.Worker.gone", "gptoss.engine.worker.Worker.gone"),
        ("`engine.worker.gone`", "engine.worker.gone"),
        ("tests/engine/test_worker.py::test_gone", "tests/engine/test_worker.py::test_gone"),
        ("`make gone`", "make gone"),
        ("```sh\nmake gone\n```", "make gone"),
        ("`gptoss gone`", "gptoss gone"),
        ("`LostClass`", "LostClass"),
        ("`lost_function()`", "lost_function()"),
    ],
)
def test_what_is_gone_is_reported_with_its_line(project: Project, text: str, named: str) -> None:
    lines = broken(project, "docs/new.md", f"# New\n\n{text}\n")
    line = 4 if text.startswith("```") else 3
    assert [each.split(": ")[:2] for each in lines] == [[f"docs/new.md:{line}", named]]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("src/gptoss/new.py", '"""Reads.\n\nSee gone.py.\n"""\n', 3),
        ("src/gptoss/new.py", "a = 1\nb = 2  # as in gone.py\n", 2),
        ("src/gptoss/new.py", 'def f():\n    """See gone.py."""\n', 2),
        ("cpp/new.h", "// One.\nint a;  // gone.py\n", 2),
        ("web/new.ts", "let a = 1;\n/* One,\n   gone.py */\n", 3),
        ("web/New.svelte", "<p>\n<!-- gone.py -->\n", 2),
        ("CMakeLists.txt", "# one\n# gone.py\n", 2),
        (".ci/run", "#!/bin/sh\nset -e # gone.py\n", 2),
    ],
)
def test_comments_and_docstrings_are_read(
    project: Project, name: str, text: str, line: int
) -> None:
    assert broken(project, name, text) == [f"{name}:{line}: gone.py: no such file or folder"]


def test_code_outside_of_comments_may_name_anything(project: Project) -> None:
    assert broken(project, "src/gptoss/new.py", 'PATH = "gone.py"\n') == []


def test_a_name_that_only_comments_have_is_gone(project: Project) -> None:
    lines = broken(project, "src/gptoss/new.py", "# as `old_name` does\n# what `old_name` did\n")
    assert len(lines) == 2


def test_headings_are_anchors() -> None:
    assert headings("# How it's `done`, twice\n## A-b c\n") == {"how-its-done-twice", "a-b-c"}
