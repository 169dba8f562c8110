"""A model made ready: found, its memory planned, loaded, and held together with its tokenizer and engine."""

from gptoss.runtime.loaded_model import Load, LoadedModel
from gptoss.runtime.loading import load, open_model
from gptoss.runtime.options import ModelOptions

__all__ = [
    "Load",
    "LoadedModel",
    "ModelOptions",
    "load",
    "open_model",
]
