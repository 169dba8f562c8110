"""Blocks of pages are found with what is said of them, and one of which nothing is known is a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.documentation import Block, blocks, counts, faults
from checks.project import Project

OTHERS = ("CONTRIBUTING.md", "benchmarks/README.md", "recipes/nano/README.md")
PAGE = """# Title

```sh
gptoss chat "Hi"
```

```text
Hello!
```

<!-- not run: downloads 13.8 GB -->
```sh
gptoss pull
```

```python
print(1)  # -> 1
print("a")  # -> a…
```

<!-- run by tests/test_it.py -->
```
$ gptoss models
```

```python
x = 1
```
"""


def project(folder: Path, readme: str) -> Project:
    files = {
        "README.md": readme,
        "tests/test_it.py": "# Runs README.md.\n",
        "tests/test_other.py": "",
    }
    files |= dict.fromkeys(OTHERS, "")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return Project(folder, list(files))


def test_blocks() -> None:
    found = blocks("README.md", PAGE)
    assert found == [
        Block("README.md", 4, "sh", 'gptoss chat "Hi"\n', printed="Hello!\n"),
        Block("README.md", 13, "sh", "gptoss pull\n", reason="downloads 13.8 GB"),
        Block(
            "README.md", 17, "python", 'print(1)  # -> 1\nprint("a")  # -> a…\n', printed="1\na…\n"
        ),
        Block("README.md", 23, "", "$ gptoss models\n", run_by="tests/test_it.py"),
        Block("README.md", 27, "python", "x = 1\n"),
    ]
    assert [block.is_run for block in found] == [True, False, True, False, True]
    assert counts(found) == (
        "5 blocks: 4 run, 3 of them compared with what is shown, 1 marked not run"
    )


def test_a_page_without_faults(tmp_path: Path) -> None:
    assert list(faults(project(tmp_path, PAGE))) == []


@pytest.mark.parametrize(
    ("page", "line", "said"),
    [
        ("```text\nWhat prints this?\n```\n", 2, "a block of `text` that nothing runs"),
        ("```\nWhat is this?\n```\n", 2, "<!-- not run: REASON -->"),
        ("```sh\nls\n```\nIt prints:\n```text\na\n```\n", 6, "a block of `text` that nothing runs"),
        ("```sh\nls\n```\n\n```text\na\n```\n\n```text\nb\n```\n", 10, "that nothing runs"),
        ("<!-- not run: long -->\n```sh\nls\n```\n\n```text\na\n```\n", 7, "that nothing runs"),
        ("<!-- not run: long -->\n\n```sh\nls\n```\n", 1, "in the line above a block"),
        ("<!-- not run: long -->\n", 1, "in the line above a block"),
        ("<!-- not run -->\n```sh\nls\n```\n", 1, "wanted `<!-- not run: REASON -->`"),
        ("<!-- Not run: long -->\n```sh\nls\n```\n", 1, "wanted `<!-- not run: REASON -->`"),
        ("<!-- run by tests/gone.py -->\n```\nls\n```\n", 3, "which does not name README.md"),
        ("<!-- run by tests/test_other.py -->\n```\nls\n```\n", 3, "which does not name README.md"),
        ("- so:\n\n  ```sh\n  ls\n  ```\n", 3, "at the line's begin"),
        ("~~~sh\nls\n~~~\n", 1, "at the line's begin"),
        ("```sh title=x\nls\n```\n", 1, "at the line's begin"),
    ],
)
def test_faults(tmp_path: Path, page: str, line: int, said: str) -> None:
    found = list(faults(project(tmp_path, page)))
    assert found
    assert found[0].startswith(f"README.md:{line}: ")
    assert said in found[0]


def test_a_block_without_end(tmp_path: Path) -> None:
    (found,) = faults(project(tmp_path, "```sh\nls\n"))
    assert found.startswith("README.md: a block has no end")
