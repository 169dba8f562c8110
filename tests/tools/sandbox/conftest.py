"""Sandboxes on each rung of this machine, and the matrix of attacks as each user that there is."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
from filelock import FileLock

from gptoss.tools.sandbox import Limits, Rung, RungName, Session, look_at

ROOT = Path(__file__).parents[3]
NOBODY = 65534
MOST_S = 300
NO_PYTHON = "no Python of this version that nobody could start with this package"
# Quick to reach.
SMALL = Limits(
    wall_s=30,
    grace_s=0.5,
    memory_bytes=512 << 20,
    file_bytes=8 << 20,
    data_bytes=8 << 20,
    scratch_bytes=4 << 20,
    num_files=500,
    output_bytes=20_000,
    written_bytes=4 << 20,
)


def skip_or_fail(reason: str) -> None:
    """Where sandboxes are required, one that is missing is a fault."""
    if os.environ.get("GPTOSS_TEST_SANDBOX") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(params=list(RungName))
def rung(request: pytest.FixtureRequest) -> Rung:
    look = look_at(request.param)
    if look.problem:
        skip_or_fail(f"no {look.rung.name} here: {look.problem}")
    return look.rung


@pytest.fixture
def session(rung: Rung) -> Iterator[Session]:
    with Session(rung, SMALL) as made:
        yield made


@pytest.fixture
def make_session(rung: Rung) -> Iterator[Callable[..., Session]]:
    """From limits to a session with them, the others small."""
    made: list[Session] = []

    def make(**limits: Any) -> Session:
        fields = {name: getattr(SMALL, name) for name in SMALL.__slots__}
        made.append(Session(rung, Limits(**{**fields, **limits})))
        return made[-1]

    yield make
    for each in made:
        each.close()


@functools.cache
def python_of(user: str) -> tuple[list[str], dict[str, Any]] | None:
    """A command that is Python with this package as a user, and how to start it; None where that one has no Python."""
    if user == "this":
        return [sys.executable], {}
    # The interpreter of a virtual environment may lie where nobody walks; its packages are another's with this.
    customized = tempfile.mkdtemp(prefix="gptoss-test-")
    atexit.register(shutil.rmtree, customized, ignore_errors=True)
    Path(customized).chmod(0o755)
    sites = [path for path in sys.path if path.endswith("-packages")]
    added = "".join(f"site.addsitedir({path!r})\n" for path in sites)
    Path(customized, "sitecustomize.py").write_text(f"import site\n{added}")
    path = os.pathsep.join([customized, str(ROOT), str(ROOT / "src")])
    variables = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "env": variables}
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (os.path.realpath(sys.executable), f"/usr/bin/{version}"):
        test = [program, "-c", "import gptoss.tools.sandbox, numpy"]
        try:
            done = subprocess.run(test, cwd=ROOT, capture_output=True, check=False, **as_nobody)
        except OSError:
            continue
        if done.returncode == 0:
            return [program], as_nobody
    return None


class Matrix(Protocol):
    """What became of all attacks on a rung, or without one (`bare`), by a user, or `problem` where that cannot be."""

    def __call__(self, where: str, user: str) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """Each is run once, by the worker that comes to it first."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    @functools.cache
    def found(where: str, user: str) -> dict[str, Any]:
        kept = shared / f"sandbox-{where}-{user}.json"
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                kept.write_text(json.dumps(_matrix_of(where, user)))
            return cast(dict[str, Any], json.loads(kept.read_text()))

    return found


def _matrix_of(where: str, user: str) -> dict[str, Any]:
    python = python_of(user)
    if python is None:
        return {"lacks": NO_PYTHON}
    command, how = python
    done = subprocess.run(
        [*command, "-m", "tests.tools.sandbox.matrix", where],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=MOST_S,
        check=False,
        **how,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return cast(dict[str, Any], json.loads(done.stdout))
