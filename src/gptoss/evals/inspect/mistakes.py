"""Mistakes of a user, told by inspect-ai as its own are: a line, and no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# No module that inspect-ai documents has it, and it alone is told without a traceback.
from inspect_ai._util.error import PrerequisiteError

from gptoss.errors import GptossError


@contextmanager
def told() -> Iterator[None]:
    """Raises PrerequisiteError for a GptossError within."""
    try:
        yield
    except GptossError as error:
        raise PrerequisiteError(str(error)) from None
