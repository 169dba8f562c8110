"""Tells what a GGUF file holds by its first bytes, where many files are looked at and most are of other models."""

from __future__ import annotations

import os
from pathlib import Path

from gptoss.files.gguf import MAGIC
from gptoss.files.gguf_values import MAX_KEY_BYTES, Cursor
from gptoss.files.regular import open_regular

# Every writer begins with it, or with the keys that sort before it, which are short.
_ARCHITECTURE = "general.architecture"
_MOST_BYTES = 1 << 18
_MOST_ENTRIES = 1000


def architecture_in(path: Path) -> str | None:
    """The architecture that a file names near its beginning; None for one that does not, or is no GGUF file.

    Raises OSError for what cannot be read.
    """
    with open_regular(path) as descriptor:
        data = os.pread(descriptor, _MOST_BYTES, 0)
    if not data.startswith(MAGIC):
        return None
    cursor = Cursor(data, 0, len(data))
    try:
        cursor.skip(len(MAGIC), "its beginning")
        cursor.small_count("its version")
        cursor.count("its counts")
        for _ in range(min(cursor.count("its counts"), _MOST_ENTRIES)):
            key = cursor.text("a metadata key", MAX_KEY_BYTES)
            value = cursor.value(key)
            if key == _ARCHITECTURE:
                return value if isinstance(value, str) else None
    except ValueError:
        pass
    return None
