"""Finds the tokenizer.json of a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

from gptoss.errors import TokenizerError
from gptoss.files.gguf import GgufFile

TOKENIZER = "tokenizer.json"


def tokenizer_file(directory: Path) -> Path:
    """That of a checkpoint's folder; an `original/` one has none of its own, and takes that of the one above it.

    Raises TokenizerError where there is none.
    """
    folder = directory.resolve()
    # Above any other folder may be one that everybody can write to.
    for found in (folder, folder.parent) if folder.name == "original" else (folder,):
        if os.path.lexists(found / TOKENIZER):
            return found / TOKENIZER
    raise TokenizerError(
        f"no {TOKENIZER} in {directory}; copy the one that came with the checkpoint there"
    )


def tokenizer_file_beside(file: GgufFile) -> Path | None:
    """That beside a GGUF file, which comes before the vocabulary in its metadata."""
    beside = file.path.with_name(TOKENIZER)
    return beside if os.path.lexists(beside) else None
