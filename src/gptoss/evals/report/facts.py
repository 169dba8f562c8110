"""What a report says of a run beside its figures: rules, data, settings, and who answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from gptoss.evals.asker import Sampling
from gptoss.evals.suite import ProtocolCard, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run, as its report states it.

    skipped   rows of the files that are no samples, counted by the reason
    asked     samples that the run asks
    samples   those that the suite has
    identity  of whoever answered
    command   as it was typed
    failures  plays that could not be played to their end, with the reason
    """

    suite: str
    card: ProtocolCard
    sampling: Sampling
    repeats: int
    asked: int
    samples: int
    identity: Mapping[str, object]
    command: str
    sources: Sequence[Source] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    def deviations(self) -> list[str]:
        """Settings that are not the protocol's, each as `NAME is X, the protocol's is Y`."""
        pairs = [("repeats", self.repeats, self.card.repeats)]
        pairs += [
            (name, getattr(self.sampling, name), getattr(self.card, name))
            for name in ("temperature", "top_p", "max_tokens")
        ]
        return [
            f"{name} is {_said(own)}, the protocol's is {_said(wanted)}"
            for name, own, wanted in pairs
            if own != wanted
        ]

    def to_dict(self) -> dict[str, object]:
        """The facts for JSON; `from_dict` reads them."""
        # A Counter would be copied by counting its pairs.
        return asdict(replace(self, skipped=dict(self.skipped)))

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> RunFacts:
        """Facts that were kept. Raises KeyError or TypeError for what are none."""
        given = dict(data)
        given["card"] = ProtocolCard(**given["card"])  # type: ignore[arg-type]
        given["sampling"] = Sampling(**given["sampling"])  # type: ignore[arg-type]
        given["sources"] = [Source(**each) for each in given["sources"]]  # type: ignore[attr-defined]
        return cls(**given)  # type: ignore[arg-type]


def _said(value: float | None) -> str:
    return "what the context holds" if value is None else f"{value:,}"
