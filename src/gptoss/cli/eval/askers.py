"""Whoever answers an evaluation, or judges it, as the command line names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss.errors import EvalError
from gptoss.files.regular import read_file

if TYPE_CHECKING:
    from gptoss.evals.server_asker import ServerAsker

# Each server has its own: a judge elsewhere must not learn the key of whoever is judged, nor the other way round.
SERVER_KEY, JUDGE_KEY = "OPENAI_API_KEY", "JUDGE_API_KEY"
_MOST_KEY_BYTES = 1 << 12


async def server_asker(
    urls: Sequence[str],
    model: str | None,
    key_file: str | None,
    at_once: int,
    *,
    key_variable: str = SERVER_KEY,
) -> ServerAsker:
    """A server, or several that answer alike; without a model's name, the first that the server has.

    key_variable  of the environment, where its key is if no file has it

    Raises AnswerError where nobody answers, EvalError for a key that cannot be read.
    """
    from gptoss.batch.servers import Patience, Servers
    from gptoss.evals.server_asker import ServerAsker, served_model

    key = _key(key_file, key_variable)
    name = model
    if name is None:
        # Whoever begins a run is there to see that nobody answers.
        async with Servers(urls, key=key, patience=Patience(tries=2, full_s=10.0)) as servers:
            name = await served_model(servers)
    return ServerAsker(Servers(urls, key=key), name, at_once=at_once)


def _key(file: str | None, variable: str) -> str | None:
    if file is None:
        return _checked_key(os.environ.get(variable, ""), f"${variable}") or None
    try:
        text = read_file(Path(file).expanduser(), _MOST_KEY_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EvalError(f"cannot read the key in {file}: {error}") from None
    if not text:
        raise EvalError(f"{file} holds no key, wanted one line of printable ASCII")
    return _checked_key(text, file)


def _checked_key(text: str, origin: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise EvalError(f"{origin} holds no key, wanted one line of printable ASCII")
    return text
