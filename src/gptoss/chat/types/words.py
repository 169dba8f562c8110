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


Filled = Annotated[str, Field(min_length=1)]
WORD = {"type": "string", "pattern": rf"^{_LETTER}+$"}
Word = Annotated[str, AfterValidator(_word), WithJsonSchema(WORD)]
# Of a function that a result is of; empty: it has none.
NAME = {"type": "string", "pattern": rf"^{_LETTER}*$"}
