"""Cells of rows as text: one that is empty must not be asked or graded as the word for nothing."""

from __future__ import annotations

import math


def text_of(value: object) -> str:
    """A cell's text without the space around it; a number's digits; empty for what is neither, such as null."""
    if isinstance(value, str):
        return value.strip()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and math.isfinite(value) else ""  # type: ignore[arg-type]
