"""GPT-OSS 20B on your own machine.

import gptoss
model = gptoss.load("nano")           # the embedded model; or a pulled model's name, a folder, a GGUF file
chat = gptoss.Chat(model, reasoning="high")
print(chat.send("What is 48213 + 9077?").content)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptoss import harmony
    from gptoss.chat import Chat, Reply
    from gptoss.engine import SamplingParams
    from gptoss.errors import GptossError
    from gptoss.runtime import LoadedModel, load

__version__ = "0.1.0"

# Loaded when first asked for, so that `gptoss --help` does not wait for what it does not use.
_HOMES = {
    "Chat": "gptoss.chat",
    "LoadedModel": "gptoss.runtime",
    "Reply": "gptoss.chat",
    "load": "gptoss.runtime",
    "SamplingParams": "gptoss.engine",
    "GptossError": "gptoss.errors",
}
_MODULES = ("harmony",)

__all__ = [
    "Chat",
    "GptossError",
    "LoadedModel",
    "Reply",
    "SamplingParams",
    "__version__",
    "harmony",
    "load",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"gptoss.{name}")
    raise AttributeError(f"module 'gptoss' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
