"""Tools of a file that the operator names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptoss.errors import RequestError
from gptoss.tools.module import module_tools


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def test_public_functions_are_tools(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "from math import sqrt\nfrom json import loads\n"
        "def add(a: int, b: int) -> int:\n    'Adds.'\n    return a + b\n"
        "def _hidden(): ...\nclass Shop: ...\n",
    )
    (tool,) = module_tools(path)
    assert (tool.recipient, tool.description.description) == ("functions.add", "Adds.")


def test_a_list_says_which(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "from gptoss.tools import function_tool\n"
        "def a(): ...\ndef b(): ...\nTOOLS = [b, function_tool(a, name='c', approval='ask')]\n",
    )
    assert [tool.recipient for tool in module_tools(path)] == ["functions.b", "functions.c"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1", "got no function in .*mine.py, wanted a public one or a list TOOLS"),
        ("TOOLS = 7", "got int as TOOLS of .*mine.py, wanted a list"),
        ("TOOLS = ['a']", "got 'a' among TOOLS of .*mine.py, wanted functions and tools"),
        ("import nowhere_at_all", "mine.py cannot be run: ModuleNotFoundError"),
        ("def f(:", "mine.py cannot be run: SyntaxError"),
        ("def f(*args): ...", r"mine.py: got the function f with the parameter \*args"),
    ],
)
def test_what_is_no_file_of_tools(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        module_tools(written(tmp_path, text))
    with pytest.raises(RequestError, match="as a file of tools, which is no file"):
        module_tools(tmp_path / "nowhere.py")
