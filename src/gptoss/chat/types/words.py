"""Texts that have a form of their own."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from gptoss.errors import shown
from gptoss.harmony.names import HEADER_WORD

# `HEADER_WORD` for all languages: Python's space has more in it than JavaScript's.
_LETTER = r"[^\s\x1c-\x1f\x85<>|:=]"


def _word(text: str) -> str:
    if not HEADER_WORD.fullmatch(text):
        raise ValueError(f"got {shown(text)}, wanted one word without any of < > | : =")
    return text


def _end_of_word(text: str) -> str:
    return _word(text) if text else text


Filled = Annotated[str, Field(min_length=1)]
Word = Annotated[
    str, AfterValidator(_word), WithJsonSchema({"type": "string", "pattern": rf"^{_LETTER}+$"})
]
# Of a function that was called, behind `functions.`.
CALLED_NAME = {"type": "string", "pattern": rf"^{_LETTER}*$"}
CalledName = Annotated[str, AfterValidator(_end_of_word), WithJsonSchema(CALLED_NAME)]
