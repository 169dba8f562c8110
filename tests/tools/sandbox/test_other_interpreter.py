"""Another Python than this process's in the sandbox, with its own packages."""

from __future__ import annotations

import sys
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from gptoss.errors import SandboxError
from gptoss.tools.sandbox import Rung, Session, find_interpreter, other_interpreter
from tests.tools.sandbox.conftest import SMALL


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has one package, and none of ours."""
    folder = tmp_path_factory.mktemp("environment")
    for above in (folder, *folder.parents):
        if above.is_relative_to(tmp_path_factory.getbasetemp()):
            above.chmod(0o755)
    venv.create(folder, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    (packages / "only_there.py").write_text("FOUND = 'found'\n")
    return folder / "bin/python"


@pytest.mark.parametrize("is_alike", [True, False])
def test_its_packages_are_there_and_ours_are_not(rung: Rung, python: Path, is_alike: bool) -> None:
    interpreter = replace(other_interpreter(python), is_alike=is_alike)
    with Session(rung, SMALL, interpreter) as session:
        assert session.run("import only_there\nonly_there.FOUND").value == "'found'"
        assert "ModuleNotFoundError" in session.run("import pytest").text()
        assert "ZeroDivisionError" in session.run("1 / 0").text()


def test_this_process_has_one_that_is_alike() -> None:
    assert other_interpreter(Path(sys.executable)) == find_interpreter()


@pytest.mark.parametrize("name", ["/nowhere/python", "/bin/false", "/bin/echo", "/etc/passwd"])
def test_what_is_no_python_says_so(name: str) -> None:
    with pytest.raises(SandboxError, match=f"got '{name}', which does not run as a Python"):
        other_interpreter(Path(name))
