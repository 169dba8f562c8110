"""What a user says of a benchmark: where its data is, which protocol, and what grades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gptoss.errors import EvalError, listed, shown
from gptoss.evals.suite import Ask, ProtocolCard

# For a test or a script: a day.
MOST_SECONDS = 86_400
DEFAULT_PROTOCOL = "aa-v3"
# Whose figures are on the page, and of what.
ARTIFICIAL_ANALYSIS = "Artificial Analysis, gpt-oss-20b high"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """How a benchmark is opened. What a benchmark has no use for, it does not look at.

    data            files and folders with its rows
    protocol        a name of one of its cards; None: `aa-v3`
    seed            for the order of choices and for guesses
    judge           who judges where programs cannot; says again what it said before, so that a run that goes on grades
                    as it did. None: only exact answers count as right
    judge_name      as the report says it, such as `gpt-4o-2024-08-06`, or `self` for the model that is evaluated
    sandbox_python  the interpreter whose packages candidate code may use; None: that of this process
    grader          how programs are run: `subprocess` or `official`
    time_limit_s    for a test or a script, in place of the protocol's
    since, until    dates of contests, as 2024-07-01, in place of the protocol's
    """

    data: Sequence[Path] = ()
    protocol: str | None = None
    seed: int = 0
    judge: Ask | None = None
    judge_name: str = ""
    sandbox_python: Path | None = None
    grader: str = "subprocess"
    time_limit_s: float | None = None
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        """Raise EvalError for a time in which nothing could run, or that never ends."""
        limit = self.time_limit_s
        if limit is not None and not 0.1 <= limit <= MOST_SECONDS:
            raise EvalError(f"got a time limit of {limit:g} s, wanted 0.1 to {MOST_SECONDS:,} s")


def chosen_card(
    benchmark: str, cards: Iterable[ProtocolCard], options: BenchmarkOptions
) -> ProtocolCard:
    """The card of the protocol that is asked for. Raises EvalError."""
    by_name = {card.name: card for card in cards}
    name = options.protocol or DEFAULT_PROTOCOL
    if name not in by_name:
        raise EvalError(
            f"got the protocol {shown(name)} for {benchmark}, wanted one of {listed(by_name)}"
        )
    return by_name[name]


def held_to_data(card: ProtocolCard, what: str, found: int, *published: int) -> ProtocolCard:
    """A card that says where the data is not all of what was published; no figure may stand beside such a run."""
    if found in published:
        return card
    wanted = " or ".join(f"{count:,}" for count in published)
    said = (
        f"the data has {found:,} {what}, the published has {wanted}: its figures are of another set"
    )
    return changed(card, said)


def changed(card: ProtocolCard, said: str) -> ProtocolCard:
    """A card of which something is not as its name promises; it is said, and no figure may stand beside the run."""
    return replace(card, differs=(*card.differs, said), published={})
