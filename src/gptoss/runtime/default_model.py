"""Which model runs where nobody names one: a released one that is here, else the embedded one."""

from __future__ import annotations

import warnings
from pathlib import Path

from gptoss import nano
from gptoss.errors import GptossError
from gptoss.files.sizes import memory_size
from gptoss.hub.cache import find_snapshot, repo_folder
from gptoss.hub.released import RELEASED, UNFINISHED
from gptoss.model.checkpoint import Checkpoint, open_checkpoint
from gptoss.runtime.fitting import CONVERSATION, conversation_bytes
from gptoss.runtime.machine_memory import available_memory
from gptoss.tokenizer.tokenizer_file import TOKENIZER

# The smaller ones first, which answer sooner.
ORDER = ("gpt-oss-20b", "gpt-oss-safeguard-20b", "gpt-oss-120b", "gpt-oss-safeguard-120b")


def default_model(budget: int | None, *, must_fit: bool) -> Path:
    """The folder of the first released model that is whole in the hub's cache and fits, else that of nano.

    One fits if a conversation of CONVERSATION tokens does, into `budget` bytes, or into what the machine can give.
    Warns, where nano is taken, of those that do not, and of those that are damaged or half fetched. Without `must_fit`
    the first one is taken, and nothing is said.
    """
    limit = available_memory() if budget is None else budget
    reasons = []
    for name in ORDER:
        found = _released_here(name)
        if not isinstance(found, Checkpoint):
            reasons += [found] if found else []
            continue
        takes = conversation_bytes(found)
        if not must_fit or limit is None or takes <= limit:
            return found.path
        reasons.append(
            f"{name} takes {memory_size(takes)} with {CONVERSATION:,} tokens of context, and there are "
            f"{memory_size(limit)}; close other programs, or see `gptoss fit`"
        )
    for reason in reasons if must_fit else ():
        warnings.warn(f"{nano.NAME} is taken: {reason}", stacklevel=5)
    return nano.checkpoint_path()


def _released_here(name: str) -> Checkpoint | str:
    """The released model of that name, or why it cannot be loaded; empty where it is not here."""
    repo = RELEASED[name]
    folder = find_snapshot(repo)
    rest = f"only a part of {name} is here; `gptoss pull {name}` fetches the rest"
    if folder is None:
        # Other programs hold a tokenizer alone.
        return rest if any((repo_folder(repo) / "blobs").glob(f"*{UNFINISHED}")) else ""
    if not (folder / TOKENIZER).is_file():
        return rest
    try:
        return open_checkpoint(folder)
    except GptossError as error:
        return f"{name} cannot be loaded: {error}"
