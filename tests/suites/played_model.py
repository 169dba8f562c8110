"""A model with the released vocabulary that writes given rounds: nothing is computed, all else is as it is."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from gptoss.engine import EngineOptions, Generation, Request
from gptoss.kernels import Backend, Float32
from gptoss.model.batch import Batch
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.layouts import PACKED
from gptoss.model.transformer import Transformer
from gptoss.runtime import LoadedModel
from tests import o200k
from tests.model.random_model import SMALL, RandomModel, open_transformer

CONTEXT = 131072


class PlayedTransformer(Transformer):
    """Takes the place of arithmetic: the likeliest next token is the next one of the round that is written.

    For one sequence at a time.
    """

    def __init__(self, model: Transformer) -> None:
        self.__dict__.update(model.__dict__)
        self._start = 0
        self._wanted: list[int] = []
        self._written: list[int] = []

    def begin(self, markup: str, start: int) -> None:
        """Write this from that position on."""
        self._start = start
        self._wanted = o200k.ids_of(markup)
        self._written = []

    def forward(self, batch: Batch) -> Float32:
        batch.reserve()
        batch.advance()
        for token_id, position in zip(batch.token_ids, batch.positions, strict=True):
            at = int(position) - self._start
            if at >= 0:
                self._written[at:] = [int(token_id)]
        logits = np.zeros((len(batch.wanted), self.config.vocab_size), np.float32)
        for row, place in zip(logits, batch.wanted, strict=True):
            row[self._next(int(batch.positions[place]) + 1 - self._start)] = 100.0
        return logits

    def _next(self, num: int) -> int:
        written = self._written[:num]
        if written != self._wanted[:num]:
            # What a guide forced may be the same text, cut otherwise.
            decode = o200k.tokenizer().decode
            text, wanted = decode(written), decode(self._wanted)
            assert wanted.startswith(text), f"got {text!r}, wanted the beginning of {wanted!r}"
            self._wanted = [*written, *o200k.ids_of(wanted[len(text) :])]
        assert num < len(self._wanted), f"got {o200k.tokenizer().decode(written)!r} and no end"
        return self._wanted[num]


class PlayedModel(LoadedModel):
    """Writes the rounds that it was given, one after the other, whatever it is asked."""

    def __init__(self, directory: Path) -> None:
        """`directory`: see `write_shape`."""
        plain = open_transformer(directory, "bf16", Backend(threads=1))
        self._played = PlayedTransformer(plain)
        self.rounds: deque[str] = deque()
        # A guess would take the script's next token for its own.
        options = EngineOptions(speculates=False)
        checkpoint, tokenizer = open_checkpoint(directory), o200k.tokenizer()
        super().__init__("played", checkpoint, tokenizer, self._played, options=options)

    def submit_all(self, requests: Iterable[Request]) -> list[Generation]:
        (request,) = requests
        self._played.begin(self.rounds.popleft(), len(request.token_ids))
        return super().submit_all([request])


def write_shape(directory: Path) -> Path:
    """Write the smallest model with the released vocabulary and a long context; returns the directory."""
    config = dataclasses.replace(
        SMALL, vocab_size=o200k.VOCAB_SIZE, hidden_size=32, max_positions=CONTEXT
    )
    return RandomModel.of(config, 0).write(directory, PACKED)


def call_markup(calls: Sequence[tuple[str, str]], thought: str = "I look.") -> str:
    """A round that thinks and makes calls, each a recipient and its arguments."""
    messages = [
        f" to={recipient}<|channel|>commentary <|constrain|>json<|message|>{arguments}"
        for recipient, arguments in calls
    ]
    further = "<|end|><|start|>assistant"
    begun = f"<|channel|>analysis<|message|>{thought}{further}"
    return begun + further.join(messages) + "<|call|>"


def answer_markup(text: str) -> str:
    """A round that answers."""
    return f"<|channel|>final<|message|>{text}<|return|>"
