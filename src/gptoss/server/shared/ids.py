"""Names that replies are given."""

from __future__ import annotations

import secrets

from gptoss import __version__
from gptoss.runtime import LoadedModel


def new_id(prefix: str) -> str:
    """An id that nobody can guess."""
    return f"{prefix}{secrets.token_hex(12)}"


def fingerprint(model: LoadedModel) -> str:
    """What an answer depends on beside the request."""
    return f"gptoss-{__version__}-{model.precision}-{model.weights}"
