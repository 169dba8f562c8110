"""Perplexity of a text, and how far a precision or a quantised file is from another: what rounding costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gptoss.errors import EvalError
from gptoss.evals.model_asker import ModelAsker
from gptoss.evals.statistics.estimate import Estimate
from gptoss.evals.statistics.intervals import mean_score
from gptoss.evals.statistics.resampling import ratio
from gptoss.evals.token_logits import (
    Float64,
    divergence,
    logprobs,
    parts_of_logits,
    require_same_tokens,
    slices,
)
from gptoss.runtime.loaded_model import LoadedModel

# Tokens near each other are about the same thing, so that blocks of so many count as one observation.
BLOCK = 64
_FEWEST_BLOCKS = 10
OnTokens = Callable[[int, int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How a long text is read: windows of `size` tokens, each with the last `overlap` of the one before.

    What is scored has at least `overlap` tokens before it, but at the text's beginning. Larger windows see more, and
    take more memory; a figure is to be compared with those of the same windows alone.
    """

    size: int = 1024
    overlap: int = 512

    def __post_init__(self) -> None:
        """Raises EvalError for windows that never come forward."""
        if not 1 <= self.overlap < self.size:
            raise EvalError(
                f"got windows of {self.size} tokens with {self.overlap} of overlap, wanted an overlap of 1 or more "
                "and below the size"
            )

    def over(self, count: int) -> Iterator[tuple[int, int, int]]:
        """Where each window of so many tokens begins, where it ends, and the first token that is scored in it."""
        start, scored = 0, 1
        while scored < count:
            end = min(start + self.size, count)
            yield start, end, scored
            start, scored = end - self.overlap, end


@dataclass(frozen=True, slots=True, kw_only=True)
class Perplexity:
    """What a model makes of a text.

    perplexity, bits_per_byte  of the text: the second may be compared between tokenizers
    divergence                 KL in nats a token from the reference; None: there is none
    same_top                   share of places where both find the same token likeliest
    model, reference           what was measured, as reports of runs say it
    """

    tokens: int
    bytes: int
    windows: Windows
    model: Mapping[str, object]
    perplexity: Estimate
    bits_per_byte: Estimate
    reference: Mapping[str, object] | None = None
    divergence: Estimate | None = None
    same_top: Estimate | None = None

    def lines(self) -> list[str]:
        """Every figure with its interval, a line each."""
        told = [
            f"{self.tokens:,} tokens, {self.bytes:,} bytes, in windows of {self.windows.size:,} tokens that overlap "
            f"by {self.windows.overlap:,}",
            f"perplexity {self.perplexity}",
            f"bits per byte {self.bits_per_byte}",
        ]
        if self.divergence is not None:
            told += [
                f"KL from the reference, nats a token {self.divergence}",
                f"same likeliest token {self.same_top}",
            ]
        return told

    def to_dict(self) -> dict[str, object]:
        """The figures for JSON."""
        estimates = {
            "perplexity": self.perplexity,
            "bits_per_byte": self.bits_per_byte,
            "divergence": self.divergence,
            "same_top": self.same_top,
        }
        return {
            "tokens": self.tokens,
            "bytes": self.bytes,
            "window": self.windows.size,
            "overlap": self.windows.overlap,
            "model": dict(self.model),
            "reference": None if self.reference is None else dict(self.reference),
            **{name: None if each is None else each.to_dict() for name, each in estimates.items()},
        }


@dataclass(slots=True)
class _Scores:
    """Of each scored token: nats, bytes, divergence, and whether the likeliest one is the same."""

    nats: Float64
    sizes: Float64
    divergence: Float64
    same_top: Float64


def measure(
    model: LoadedModel,
    text: str,
    *,
    reference: LoadedModel | None = None,
    windows: Windows | None = None,
    on_tokens: OnTokens = lambda done, count: None,
) -> Perplexity:
    """Measure a text; `on_tokens` hears how many tokens are done, of how many.

    Memory does not grow with the text but for four numbers a token: logits live for a hundred tokens at a time.
    Raises EvalError for a text that is too short for an interval, and for a reference with another tokenizer.
    """
    windows = windows or Windows()
    holds = min(each.context for each in (model, reference) if each is not None)
    if windows.size > holds:
        raise EvalError(
            f"got windows of {windows.size:,} tokens, but the context holds {holds:,}; use smaller ones or load with "
            "a larger context"
        )
    ids = model.tokenizer.encode(text)
    fewest = BLOCK * _FEWEST_BLOCKS + 1
    if len(ids) < fewest:
        raise EvalError(
            f"got a text of {len(ids):,} tokens, wanted {fewest:,} or more, so that there is an interval"
        )
    if reference is not None:
        require_same_tokens(model, reference)
    scores = _scored(model, reference, ids, windows, on_tokens)
    found = _estimated(model, scores, windows)
    if reference is None:
        return found
    blocks = _blocks(len(scores.nats))
    return replace(
        found,
        reference=ModelAsker(reference).identity,
        divergence=ratio(scores.divergence, np.ones(len(blocks)), blocks),
        same_top=mean_score(scores.same_top, blocks),
    )


def _scored(
    model: LoadedModel,
    reference: LoadedModel | None,
    ids: list[int],
    windows: Windows,
    on_tokens: OnTokens,
) -> _Scores:
    count = len(ids) - 1
    pieces = model.tokenizer.pieces()
    sizes = np.array([len(pieces[token_id]) for token_id in ids[1:]], np.float64)
    scores = _Scores(np.empty(count), sizes, np.zeros(count), np.zeros(count))
    for start, end, scored in windows.over(len(ids)):
        # The last token of a window is read by the next one alone, or by none: what follows it is not scored here.
        window, first = ids[start : end - 1], scored - 1 - start
        parts = parts_of_logits(model, window, first)
        others = None if reference is None else parts_of_logits(reference, window, first)
        for place, logits in parts:
            other = None if others is None else next(others)[1]
            begin = start + place
            for rows in slices(len(logits)):
                targets = np.array(ids[begin + 1 + rows.start : begin + 1 + rows.stop])
                found = slice(begin + rows.start, begin + rows.stop)
                own = logprobs(logits[rows])
                scores.nats[found] = -own[np.arange(len(targets)), targets]
                if other is not None:
                    theirs = logprobs(other[rows])
                    scores.divergence[found] = divergence(theirs, own)
                    scores.same_top[found] = own.argmax(axis=1) == theirs.argmax(axis=1)
            on_tokens(begin + len(logits), count)
    return scores


def _estimated(model: LoadedModel, scores: _Scores, windows: Windows) -> Perplexity:
    count = len(scores.nats)
    blocks = _blocks(count)
    nats = ratio(scores.nats, np.ones(count), blocks)
    return Perplexity(
        tokens=count,
        bytes=int(scores.sizes.sum()),
        windows=windows,
        model=ModelAsker(model).identity,
        perplexity=replace(
            nats, mean=math.exp(nats.mean), low=math.exp(nats.low), high=math.exp(nats.high)
        ),
        bits_per_byte=ratio(scores.nats / math.log(2), scores.sizes, blocks),
    )


def _blocks(count: int) -> list[int]:
    return [place // BLOCK for place in range(count)]
