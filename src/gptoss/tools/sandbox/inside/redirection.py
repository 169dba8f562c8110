"""Folders under the names that the model knows, where nothing can be mounted: `/mnt/data` is a folder elsewhere.

Python's own functions are wrapped, so that whatever opens files through them finds them: pathlib, shutil, numpy,
pandas, Pillow. Of libraries that open files by themselves sqlite3 is wrapped as well; those of Arrow and HDF5 are not.
They find relative names, since the folder is the one that the code runs in.
"""

from __future__ import annotations

import builtins
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# By how many of their first arguments are paths. `os.listdir` and the like take one, or none.
_ONE = (
    *("open", "stat", "lstat", "listdir", "scandir", "mkdir", "rmdir", "unlink", "remove"),
    *("access", "readlink", "truncate", "chmod", "chown", "utime", "chdir", "statvfs"),
)
_TWO = ("rename", "replace", "link", "symlink")
# Refused to the sandbox, and not needed in its own folders: a copy is one whatever its times and mode are.
_WITHOUT_EFFECT = ("chmod", "chown", "utime")
_NAMES = frozenset({"path", "src", "dst", "file", "name", "database"})


def redirect(folders: dict[str, str], kept: list[str]) -> None:
    """Have these paths, and those beneath them, mean others; what lies beneath one of `kept` is meant as it is."""
    own = tuple(f"{each}/" for each in folders.values())
    as_they_are = tuple(f"{each}/" for each in kept)

    def moved(path: Any) -> Any:
        try:
            text = os.fspath(path)
        except TypeError:
            # A descriptor, or what the function itself will refuse.
            return path
        is_bytes = isinstance(text, bytes)
        written = os.fsdecode(text)
        if f"{written}/".startswith(as_they_are):
            return path
        for name, folder in folders.items():
            if written == name or written.startswith(f"{name}/"):
                there = folder + written[len(name) :]
                return os.fsencode(there) if is_bytes else there
        return path

    def wrapped(function: Callable[..., Any], num_paths: int) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            paths = map(moved, arguments[:num_paths])
            others = {key: moved(v) if key in _NAMES else v for key, v in named.items()}
            return function(*paths, *arguments[num_paths:], **others)

        call.__name__ = call.__qualname__ = function.__name__
        return call

    for names, num_paths in ((_ONE, 1), (_TWO, 2)):
        for name in names:
            plain = getattr(os, name)
            function = _nothing(plain, own) if name in _WITHOUT_EFFECT else plain
            setattr(os, name, wrapped(function, num_paths))
            for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                if plain in able:
                    # What shutil looks up before it chooses its way.
                    able.add(getattr(os, name))
    builtins.open = io.open = wrapped(io.open, 1)
    sys.meta_path.insert(0, _Importer({"sqlite3": "connect"}, wrapped))


class _Importer:
    """Wraps a function of each of some modules when that is imported."""

    def __init__(self, functions: dict[str, str], wrapped: Callable[..., Any]) -> None:
        self._functions = functions
        self._wrapped = wrapped

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """As importlib asks; None for all others."""
        function = self._functions.pop(name, None)
        if function is None:
            return None
        # The last of them looks through sys.path.
        spec = sys.meta_path[-1].find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        load: Callable[[Any], None] = spec.loader.exec_module

        def load_wrapped(module: Any) -> None:
            load(module)
            setattr(module, function, self._wrapped(getattr(module, function), 1))

        spec.loader.exec_module = load_wrapped  # type: ignore[method-assign]
        return spec


def _nothing(function: Callable[..., Any], own: tuple[str, ...]) -> Callable[..., Any]:
    """A function that does nothing to what lies in one of the sandbox's own folders, the first of which it runs in."""

    def call(path: Any, *arguments: Any, **named: Any) -> Any:
        is_named = isinstance(path, (str, bytes, os.PathLike))
        if is_named and os.path.abspath(os.fsdecode(path)).startswith(own):
            # One that is not there is still told.
            os.lstat(path)
            return None
        return function(path, *arguments, **named)

    call.__name__ = function.__name__
    return call
