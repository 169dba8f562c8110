"""What all schemas of requests have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# As `gptoss.harmony` has it: what stands in the header of a message. Python's space has more in it than JavaScript's.
_LETTER = r"[^\s\x1c-\x1f\x85<>|:=]"
Word = Annotated[str, Field(pattern=rf"^{_LETTER}+$")]
# Of a function that was called, behind `functions.`.
CalledName = Annotated[str, Field(pattern=rf"^{_LETTER}*$")]


class Form(BaseModel):
    """An object of a request. Fields that are not here are ignored."""

    model_config = ConfigDict(use_attribute_docstrings=True, defer_build=True)
