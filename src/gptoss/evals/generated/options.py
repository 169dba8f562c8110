"""What a user says of generated samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gptoss.arguments import require_type
from gptoss.errors import EvalError
from gptoss.tools.sandbox import Rung

# Of English text and the vocabulary of the model, rounded down so that an estimated prompt is not too long.
_BYTES_A_TOKEN = 4


def estimated_tokens(text: str) -> int:
    """Tokens of a text, about: for servers that do not say."""
    return -(-len(text.encode(errors="replace")) // _BYTES_A_TOKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedOptions:
    """How many samples are made, from what, and for whom.

    seed          of the samples; runs of different seeds have no sample in common
    size          samples; None: as many as the suite holds to be enough
    count_tokens  of a text, by the tokenizer of whoever answers
    context       tokens that whoever answers can hold, its answer included; longer samples are left out
    rung          of the sandbox in which programs run; None: the strongest of this machine
    """

    seed: int = 0
    size: int | None = None
    count_tokens: Callable[[str], int] = estimated_tokens
    context: int = 131_072
    rung: Rung | None = None

    def __post_init__(self) -> None:
        """Raises EvalError for numbers out of range."""
        require_type("seed", self.seed, int)
        require_type("size", self.size, int, type(None))
        if self.seed < 0:
            raise EvalError(f"got {self.seed} as seed, wanted 0 or more")
        if self.size is not None and self.size < 1:
            raise EvalError(f"got {self.size} as size, wanted 1 sample or more")

    @property
    def is_estimate(self) -> bool:
        """Whether nobody counts tokens."""
        return self.count_tokens is estimated_tokens
