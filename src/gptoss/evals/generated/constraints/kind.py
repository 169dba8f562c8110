"""A kind of constraint: how one is drawn and told, whether a text meets it, and how a text is made that does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gptoss.evals.generated.constraints.draft import Draft
from gptoss.evals.generated.draws import Draws

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of constraint.

    group     of which a sample has one at most: two of a group would contradict each other
    draw      the parameters of one
    told      as the user says it, with the parameters in braces
    is_met    whether a text keeps to it
    shape     changes a draft so that its text will
    is_loose  whether texts that were written without regard to it often keep to it: no sample has it alone
    """

    name: str
    group: str
    draw: Callable[[Draws], Parameters]
    told: str
    is_met: Callable[[str, Parameters], bool]
    shape: Callable[[Draft, Parameters], None]
    is_loose: bool = False

    def text(self, parameters: Parameters) -> str:
        """As the user says it."""
        shown = {
            name: ", ".join(f'"{each}"' for each in value) if isinstance(value, list) else value
            for name, value in parameters.items()
        }
        return self.told.format_map(shown)


def count_of(told: Parameters) -> int:
    """How many there are to be."""
    return int(told["count"])


def words_of(text: str) -> list[str]:
    """Words of a text, in lower case, without what stands around them."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.casefold())


def lines_of(text: str) -> list[str]:
    """Lines of a text that are not empty."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def sentences_of(text: str) -> list[str]:
    """Sentences: what ends in a full stop, a question mark or an exclamation mark before a space or the end."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]
