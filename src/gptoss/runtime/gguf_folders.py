"""GGUF files of gpt-oss in folders that other programs fill: LM Studio's, llama.cpp's, and the hub's cache.

Nobody vouches for what lies in them: a folder may hold anything, be read by nobody, or lead back to itself.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from gptoss.files.gguf import SUFFIX
from gptoss.files.gguf_begin import architecture_in
from gptoss.files.gguf_parts import part_of
from gptoss.model.gguf_config import LLAMA_CPP, OLLAMA

# LM Studio has PUBLISHER/MODEL/FILE; a hub's repository rarely more than a folder for each form.
_MOST_LEVELS = 4
# Entries of all folders below one that are looked at.
_MOST_ENTRIES = 20_000


def lm_studio_folders() -> list[Path]:
    """Where LM Studio keeps models: since version 0.3, and before."""
    return _at_home(".lmstudio/models", ".cache/lm-studio/models")


def llama_cpp_folders() -> list[Path]:
    """Where llama.cpp keeps what it fetches."""
    if named := os.environ.get("LLAMA_CACHE"):
        return [Path(named)]
    if sys.platform == "darwin":
        return _at_home("Library/Caches/llama.cpp")
    base = os.environ.get("XDG_CACHE_HOME")
    return [Path(base) / "llama.cpp"] if base else _at_home(".cache/llama.cpp")


def gpt_oss_files(folder: Path) -> Iterator[Path]:
    """The files of gpt-oss models in a folder and those below it; of a model in several files the first."""
    seen: set[tuple[Path, str]] = set()
    for path in _files(folder):
        model = (path.parent, part_of(path))
        if model not in seen and is_gpt_oss(path):
            seen.add(model)
            yield path


def is_gpt_oss(path: Path) -> bool:
    """Whether it is a GGUF file that says so; what cannot be read is none."""
    try:
        return architecture_in(path) in (LLAMA_CPP, OLLAMA)
    except OSError:
        return False


def _at_home(*names: str) -> list[Path]:
    try:
        home = Path.home()
    except RuntimeError:
        return []
    return [home / name for name in names]


def _files(folder: Path) -> Iterator[Path]:
    """Files of that ending, those of a folder in the order of their names before those below it."""
    seen: set[tuple[int, int]] = set()
    waiting, left = deque([(folder, 0)]), _MOST_ENTRIES
    while waiting and left > 0:
        here, level = waiting.popleft()
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in seen:
                # A link back.
                continue
            seen.add((status.st_dev, status.st_ino))
            names = []
            with os.scandir(here) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        break
                    if entry.name.endswith(SUFFIX):
                        names.append(entry.name)
                    elif level < _MOST_LEVELS and _is_folder(entry):
                        waiting.append((here / entry.name, level + 1))
        except OSError:
            continue
        yield from (here / name for name in sorted(names))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself.
        return False
