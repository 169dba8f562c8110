"""Logits changed by what the request asks for and by the tokens so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gptoss.engine.sampling_params import SamplingParams
from gptoss.kernels import Float32, Int64


class TokenCounts:
    """Which tokens a sequence has, and how often its answer has each: as far as its penalties ask for it.

    biased, bias  ids whose logits the request adds to, and what

    Grows by one token at a time and never shrinks: add a token once it is sure to stay.
    """

    def __init__(self, params: SamplingParams, prompt_ids: Sequence[int] | Int64) -> None:
        has_repetition = params.repetition_penalty != 1
        self._is_needed = bool(
            has_repetition or params.frequency_penalty or params.presence_penalty
        )
        bias = params.logit_bias
        # Once, and not for each token.
        self.biased = np.fromiter(bias.keys(), np.int64, len(bias))
        self.bias = np.fromiter(bias.values(), np.float32, len(bias))
        known = np.unique(np.asarray(prompt_ids if has_repetition else (), np.int64))
        self._index_by_id = {token_id: index for index, token_id in enumerate(known.tolist())}
        self._ids = known
        self._generated = np.zeros(len(known), np.float32)

    def add(self, token_id: int) -> None:
        """Count one more token of the answer."""
        if not self._is_needed:
            return
        index = self._index_by_id.setdefault(token_id, len(self._index_by_id))
        if index == len(self._ids):
            # Doubled, so that a token costs the same however many came before.
            room = max(64, index)
            self._ids = np.concatenate([self._ids, np.zeros(room, np.int64)])
            self._generated = np.concatenate([self._generated, np.zeros(room, np.float32)])
        self._ids[index] = token_id
        self._generated[index] += 1

    @property
    def ids(self) -> Int64:
        """Each token once: those of the answer, with a repetition penalty also those of the prompt."""
        return self._ids[: len(self._index_by_id)]

    @property
    def generated(self) -> Float32:
        """How often the answer has each of `ids`."""
        return self._generated[: len(self._index_by_id)]


def adjust(logits: Float32, params: SamplingParams, counts: TokenCounts) -> None:
    """Apply the logit bias, then the penalties, to logits (vocabulary), which are overwritten.

    Comes before the caller's logits processors, so that what they forbid stays forbidden. `counts` must be of the same
    params. Repetition as in Keskar et al. 2019 (CTRL), section 4.1, but with negative logits multiplied, so that they
    too become less likely; frequency and presence as OpenAI's API documents them.
    """
    if len(counts.biased):
        logits[counts.biased] += counts.bias
    ids, generated = counts.ids, counts.generated
    if not len(ids):
        return
    with np.errstate(over="ignore"):
        # A logit near float32's limit, which no sound model gives, becomes infinite.
        values = logits[ids]
        if params.repetition_penalty != 1:
            penalty = np.float32(params.repetition_penalty)
            values = np.where(values > 0, values / penalty, values * penalty)
        values -= generated * np.float32(params.frequency_penalty)
        values -= (generated > 0) * np.float32(params.presence_penalty)
    logits[ids] = values
