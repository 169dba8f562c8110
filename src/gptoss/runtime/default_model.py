"""Which model runs where nobody names one: a released one that is here, else the embedded one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from gptoss import nano
from gptoss.errors import GptossError
from gptoss.files.sizes import memory_size
from gptoss.hub.cache import find_snapshot
from gptoss.hub.released import RELEASED
from gptoss.model.checkpoint import Checkpoint, open_checkpoint
from gptoss.runtime.fitting import CONVERSATION, conversation_bytes
from gptoss.runtime.machine_memory import available_memory

# The smaller ones first, which answer sooner.
ORDER = ("gpt-oss-20b", "gpt-oss-safeguard-20b", "gpt-oss-120b", "gpt-oss-safeguard-120b")


def default_model(budget: int | None, *, must_fit: bool) -> Path:
    """The folder of the first released model that is whole in the hub's cache and fits, else that of nano.

    One fits if a conversation of CONVERSATION tokens does, into `budget` bytes, or into what the machine can give.
    Warns, where nano is taken, of those that do not. Without `must_fit` the first one is taken.
    """
    limit = available_memory() if budget is None else budget
    too_large = []
    for name, checkpoint in _released_here():
        if not must_fit or limit is None:
            return checkpoint.path
        takes = conversation_bytes(checkpoint)
        if takes <= limit:
            return checkpoint.path
        too_large.append(f"{name} takes {memory_size(takes)}")
    if too_large and limit is not None:
        warnings.warn(
            f"{', '.join(too_large)} with {CONVERSATION:,} tokens of context, and there are {memory_size(limit)}: "
            f"{nano.NAME} is taken; close other programs, or see `gptoss fit`",
            stacklevel=5,
        )
    return nano.checkpoint_path()


def _released_here() -> Iterator[tuple[str, Checkpoint]]:
    """Those that could be loaded; of others, such as one that is half fetched, nothing is said."""
    for name in ORDER:
        folder = find_snapshot(RELEASED[name])
        if folder is None or not (folder / "tokenizer.json").is_file():
            continue
        try:
            yield name, open_checkpoint(folder)
        except GptossError:
            continue
