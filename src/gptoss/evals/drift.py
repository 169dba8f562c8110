"""How far a build of a model has drifted from a fingerprint that another one left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gptoss.errors import EvalError
from gptoss.evals.fingerprint import (
    Fingerprint,
    Passage,
    digest_of,
    logits_at,
    tokenizer_digest,
)
from gptoss.evals.model_asker import ModelAsker
from gptoss.evals.statistics.estimate import Estimate
from gptoss.evals.statistics.intervals import mean_score
from gptoss.evals.statistics.resampling import ratio
from gptoss.evals.token_logits import Float64, logprobs, slices
from gptoss.runtime.loaded_model import LoadedModel

_LEAST = 1e-8
# Distances in nats. On nano, sums in another order made 2e-6, precisions and an int8 cache 0.01 to 0.06, a final norm
# that was 10 % off 0.28, and random weights 7.
_ROUNDING, _PRECISION, _TRAINED = 1e-4, 0.2, 3.0


class Verdict(StrEnum):
    """What a drift means, in words."""

    SAME = "the same: every logit is equal, bit for bit"
    ROUNDING = "the same but for rounding: sums were added in another order"
    PRECISION = "close: as two precisions or a quantised file of one model differ"
    TRAINED = "changed: as by training or an adapter, or by a fault"
    OTHER = "another model, or a broken one"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageDrift:
    """Of one passage.

    first_other  number of the first greedy token in whose place this model writes another; None: it writes all of them
    divergence   KL from the fingerprint in nats, at each greedy token, at least: all but its likeliest tokens count as
                 one
    distance     there, how far logprobs of those tokens are apart, in nats on average: it tells of arithmetic where a
                 model is so sure that KL tells nothing
    same_top     whether this model finds the same token likeliest there
    """

    is_same: bool
    first_other: int | None
    divergence: tuple[float, ...]
    distance: tuple[float, ...]
    same_top: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Of a model from a fingerprint."""

    then: Mapping[str, object]
    now: Mapping[str, object]
    passages: tuple[PassageDrift, ...]
    divergence: Estimate
    distance: Estimate
    same_top: Estimate
    verdict: Verdict

    def lines(self) -> list[str]:
        """The verdict, every figure with its interval, and where each passage parts."""
        changed = [
            f"{name}: {self.then.get(name)} then, {self.now.get(name)} now"
            for name in {**self.then, **self.now}
            if self.then.get(name) != self.now.get(name)
        ]
        parted = [
            f"passage {number}: another token in place {passage.first_other + 1} of {len(passage.same_top)}"
            for number, passage in enumerate(self.passages, 1)
            if passage.first_other is not None
        ]
        return [
            str(self.verdict),
            f"KL from the fingerprint, nats a token {self.divergence}",
            f"logprobs apart, nats {self.distance}",
            f"same likeliest token {self.same_top}",
            *parted,
            *changed,
        ]

    def to_dict(self) -> dict[str, object]:
        """The drift for JSON."""
        return {
            "verdict": self.verdict.name.lower(),
            "divergence": self.divergence.to_dict(),
            "distance": self.distance.to_dict(),
            "same_top": self.same_top.to_dict(),
            "first_other": [passage.first_other for passage in self.passages],
            "same": [passage.is_same for passage in self.passages],
            "then": dict(self.then),
            "now": dict(self.now),
        }


def drift(fingerprint: Fingerprint, model: LoadedModel) -> Drift:
    """Have a model read the passages of a fingerprint, and compare. Raises EvalError for one with other tokens."""
    if fingerprint.tokenizer != tokenizer_digest(model):
        raise EvalError(
            f"the fingerprint was taken with another tokenizer than that of {model.name}; take one of a model with the "
            "same tokens"
        )
    if not fingerprint.passages:
        raise EvalError("the fingerprint has no passages; take it anew")
    passages = tuple(_drift_of(passage, model) for passage in fingerprint.passages)
    clusters = [number for number, each in enumerate(passages) for _ in each.same_top]
    divergences = [value for each in passages for value in each.divergence]
    distances = [value for each in passages for value in each.distance]
    ones = np.ones(len(clusters))
    return Drift(
        then=fingerprint.model,
        now=ModelAsker(model).identity,
        passages=passages,
        divergence=ratio(divergences, ones, clusters),
        distance=ratio(distances, ones, clusters),
        same_top=mean_score([float(same) for each in passages for same in each.same_top], clusters),
        verdict=_verdict(passages, sum(distances) / len(distances)),
    )


def _drift_of(passage: Passage, model: LoadedModel) -> PassageDrift:
    logits = logits_at(model, passage.token_ids, passage.first)
    divergences: list[float] = []
    distances: list[float] = []
    likeliest: list[int] = []
    for rows in slices(len(logits)):
        for row, top in zip(logprobs(logits[rows]), passage.top[rows], strict=True):
            divergences.append(_divergence(top, row))
            distances.append(_distance(top, row))
            likeliest.append(int(row.argmax()))
    greedy = passage.token_ids[-passage.greedy :]
    others = (
        place
        for place, pair in enumerate(zip(greedy, likeliest, strict=True))
        if pair[0] != pair[1]
    )
    return PassageDrift(
        is_same=digest_of(logits) == passage.digest,
        first_other=next(others, None),
        divergence=tuple(divergences),
        distance=tuple(distances),
        same_top=tuple(top[0][0] == now for top, now in zip(passage.top, likeliest, strict=True)),
    )


def _divergence(top: tuple[tuple[int, float], ...], row: Float64) -> float:
    """KL in nats of the likeliest tokens and all others as one, which is at most that of all tokens."""
    ids = [id for id, _ in top]
    then = np.exp([value for _, value in top])
    now = np.exp(row[ids])
    pairs = [*zip(then, now, strict=True), (1.0 - then.sum(), 1.0 - now.sum())]
    # Kept logprobs are rounded to nine places: less than that may be left over where there is nothing.
    found = sum(a * math.log(a / max(b, _LEAST)) for a, b in pairs if a > _LEAST)
    return max(0.0, float(found))


def _distance(top: tuple[tuple[int, float], ...], row: Float64) -> float:
    then = np.array([value for _, value in top])
    return float(np.abs(row[[id for id, _ in top]] - then).mean())


def _verdict(passages: tuple[PassageDrift, ...], mean: float) -> Verdict:
    if all(passage.is_same for passage in passages):
        return Verdict.SAME
    for most, verdict in (
        (_ROUNDING, Verdict.ROUNDING),
        (_PRECISION, Verdict.PRECISION),
        (_TRAINED, Verdict.TRAINED),
    ):
        if mean <= most:
            return verdict
    return Verdict.OTHER
