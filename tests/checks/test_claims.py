"""The guides' claims: the order of layers, the folders, and the files that an example touches."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.claims import false_claims
from checks.project import Project

CONTRACT = """
[[tool.importlinter.contracts]]
type = "forbidden"

[[tool.importlinter.contracts]]
type = "layers"
layers = ["cli", "server | train", "errors"]
"""
GUIDE = """| `src/gptoss/engine/` | steps |

# Add

| to add | as | touch | test |
|---|---|---|---|
| a parameter | `min_p` | {} | |
"""


def claims(tmp_path: Path, layers: str, guide: str) -> list[str]:
    texts = {
        "pyproject.toml": CONTRACT,
        "CONTRIBUTING.md": f"Layers: {layers}, and `make check`.\n",
        "docs/architecture.md": guide,
        "src/gptoss/engine/__init__.py": "",
        "src/gptoss/engine/sampling.py": "def f(min_p): ...\n",
        "src/gptoss/cli/options.py": "MinP = float\n",
        "src/gptoss/cli/main.py": "",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(false_claims(Project(tmp_path, list(texts))))


RIGHT = "`cli > server | train > errors`"
TOUCHED = GUIDE.format("`engine/sampling.py` (a field), `cli/options.py`")


def test_true_claims_are_not_reported(tmp_path: Path) -> None:
    assert claims(tmp_path, RIGHT, TOUCHED) == []


@pytest.mark.parametrize("layers", ["`cli > server > errors`", "none", f"{RIGHT} or {RIGHT}"])
def test_layers_are_those_of_the_contract(tmp_path: Path, layers: str) -> None:
    (line,) = claims(tmp_path, layers, TOUCHED)
    assert line.startswith("CONTRIBUTING.md: wanted")
    assert RIGHT in line


def test_a_touched_file_has_the_example(tmp_path: Path) -> None:
    (line,) = claims(tmp_path, RIGHT, GUIDE.format("`engine/sampling.py`, `cli/main.py`"))
    assert line == "docs/architecture.md: a parameter: cli/main.py has nothing of `min_p`"


def test_the_table_is_there(tmp_path: Path) -> None:
    (line,) = claims(tmp_path, RIGHT, GUIDE.partition("| to add")[0])
    assert "got no table" in line


def test_each_folder_has_its_sentence(tmp_path: Path) -> None:
    (line,) = claims(
        tmp_path, RIGHT, TOUCHED.replace("| steps |", "").replace("gptoss/engine/", "gptoss/")
    )
    assert line == "docs/architecture.md: has no sentence for the folder src/gptoss/engine/"
