"""What all schemas of input items have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from gptoss.chat.types.words import CalledName

__all__ = ["CalledName", "Form"]


class Form(BaseModel):
    """An object of a request. Fields that are not here are ignored."""

    model_config = ConfigDict(use_attribute_docstrings=True, defer_build=True)
