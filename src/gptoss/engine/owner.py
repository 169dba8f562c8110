"""The owner of a request."""

from __future__ import annotations

from dataclasses import dataclass

# Nobody is told apart: the owner of everything where no keys are asked for.
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who asks. What was computed for one owner is found by that owner's prompts alone.

    name        of the owner, as the caller tells them apart
    num_shared  first tokens of the prompt that everybody's prompts may find: text that is nobody's secret
    """

    name: str = EVERYBODY
    num_shared: int = 0

    def of_page(self, stop: int) -> str:
        """Name of the owner of the page that has room up to token `stop` of the prompt."""
        return EVERYBODY if stop <= self.num_shared else self.name
