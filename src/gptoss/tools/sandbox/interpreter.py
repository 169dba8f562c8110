"""The Python that code runs in: the one of this process, with the packages that it has installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gptoss.errors import SandboxError, shown

# Shared libraries and what they read. Each is taken where it is there.
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store"),
    # Debian's BLAS is found through the second one.
    *("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/fonts", "/etc/mime.types"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_PACKAGES = ("site-packages", "dist-packages")
# Another interpreter says it of itself.
_ASK = """
import importlib.util, json, os, sys
executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
prefixes = [sys.base_prefix, sys.base_exec_prefix]
magic = importlib.util.MAGIC_NUMBER.hex()
print(json.dumps({"executable": executable, "prefixes": prefixes, "path": sys.path, "magic": magic}))
"""
_MOST_S = 60


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter, and what it reads.

    own        folders and files of the interpreter itself, and whatever else may be read
    sites      folders of installed packages
    is_alike   whether it runs what this process's interpreter compiles
    """

    executable: str
    own: tuple[str, ...]
    sites: tuple[str, ...]
    is_alike: bool = True

    def readable(self) -> list[str]:
        """Everything that code may read, but for its own folder; none lies beneath another."""
        found: list[str] = []
        for path in (*_SYSTEM, *self.own, *self.sites):
            if os.path.exists(path) and not any(_is_beneath(path, each) for each in found):
                found.append(path)
        return found

    def unreachable(self) -> list[str]:
        """Folders of it that a user without rights cannot walk to, such as those in root's home folder."""
        folders = (path for path in (*self.own, *self.sites) if os.path.isdir(path))
        return [path for path in folders if not _is_open(path)]


@cache
def find_interpreter() -> Interpreter:
    """The interpreter of this process, without its virtual environment but with that one's packages."""
    # The environment's own executable leads to the base one, which lies elsewhere (uv, pyenv, conda: in a home folder).
    executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    return _interpreter(executable, (sys.base_prefix, sys.base_exec_prefix), sys.path)


def other_interpreter(path: Path) -> Interpreter:
    """The interpreter at a path, such as that of a virtual environment, with its packages. Raises SandboxError."""
    try:
        asked = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, timeout=_MOST_S, check=True
        )
        said = json.loads(asked.stdout)
        executable, prefixes, folders = said["executable"], said["prefixes"], said["path"]
        is_alike = bytes.fromhex(said["magic"]) == importlib.util.MAGIC_NUMBER
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError) as error:
        raise SandboxError(
            f"got {shown(str(path))}, which does not run as a Python ({type(error).__name__}); "
            "wanted the path of an interpreter, such as `venv/bin/python`"
        ) from None
    return _interpreter(executable, prefixes, folders, is_alike=is_alike)


def _interpreter(
    executable: str, prefixes: Iterable[str], folders: Iterable[str], *, is_alike: bool = True
) -> Interpreter:
    # Not whole prefixes: one may be the root of everything.
    own = [
        os.path.join(prefix, name)
        for prefix in dict.fromkeys(prefixes)
        for name in ("lib", "lib64", "share")
    ]
    sites = [
        os.path.abspath(path)
        for path in folders
        if os.path.basename(path) in _PACKAGES and os.path.isdir(path)
    ]
    return Interpreter(
        executable, (executable, *own), tuple(dict.fromkeys(sites)), is_alike=is_alike
    )


def _is_beneath(path: str, folder: str) -> bool:
    # By their real places: /lib leads to /usr/lib on most systems, but is a name that has to be there as well.
    return not os.path.islink(path) and (path == folder or path.startswith(f"{folder}/"))


def _is_open(path: str) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (Path(path), *Path(path).parents))
