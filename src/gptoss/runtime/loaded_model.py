"""A model that answers: weights, tokenizer, and the engine on its thread."""

from __future__ import annotations

import logging
import warnings
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from gptoss import harmony, kernels
from gptoss.engine import (
    Engine,
    EngineOptions,
    Generation,
    Guide,
    LogitsProcessor,
    Owner,
    Request,
    SamplingParams,
    Worker,
)
from gptoss.engine.prefix_file import PrefixFile
from gptoss.errors import OutputError, PrefixFileError, RequestError
from gptoss.kernels import Float32, reference
from gptoss.model.checkpoint import Checkpoint
from gptoss.model.config import Config
from gptoss.model.packed_file import fingerprint
from gptoss.model.transformer import Transformer
from gptoss.structured import TurnCompiler
from gptoss.tokenizer import Tokenizer

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Load:
    """Sequences that run and wait, and the share of the KV cache's pages that are in use."""

    running: int
    waiting: int
    cache_usage: float


class LoadedModel:
    """Weights, tokenizer and the worker that runs them.

    The worker's thread ends with `close`, at the end of a `with` block, or when nobody holds the model any more.
    """

    def __init__(
        self,
        name: str,
        checkpoint: Checkpoint,
        tokenizer: Tokenizer,
        transformer: Transformer,
        *,
        weights: str = "stored",
        options: EngineOptions | None = None,
        prefix_cache: Path | None = None,
    ) -> None:
        """Raises TokenizerError if the tokenizer does not fit the model, RequestError for a context it lacks.

        OutputError for a `prefix_cache` that cannot be made. Warns of kept prefixes there that cannot be used.
        """
        tokenizer.check_fits(checkpoint.config.vocab_size)
        self.name = name
        self.checkpoint = checkpoint
        self.tokenizer = tokenizer
        self.transformer = transformer
        self.load_s = 0.0
        # What prefixes of all owners may have in common: see `gptoss.chat.prompt.num_shared`.
        self.shared_instructions: frozenset[str] = frozenset()
        self._weights = weights
        self._engine = Engine(transformer, options)
        self._worker = Worker(self._engine)
        kept = None
        if prefix_cache is not None:
            kept = PrefixFile(prefix_cache, name, self._identity())
            kept.make_folder()
            try:
                kept.restore(self._engine.prefixes)
            except PrefixFileError as error:
                warnings.warn(str(error), stacklevel=4)
        # Also runs at the interpreter's end, when the thread may be inside a kernel whose threads are still needed.
        self._closing = weakref.finalize(self, _close, self._worker, self._engine, kept)

    def __enter__(self) -> LoadedModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        shape = f"{self.precision}, weights {self.weights}, {self.context:,} tokens of context"
        return f"<LoadedModel {self.name}: {shape}{'' if self.is_running else ', closed'}>"

    @property
    def backend(self) -> kernels.Backend | reference.Backend:
        """The kernels that compute: their instruction set and threads."""
        return self.transformer.backend

    @property
    def config(self) -> Config:
        """The model's shape."""
        return self.checkpoint.config

    @property
    def precision(self) -> str:
        """What matrix inputs are rounded to: `int8`, `bf16`, or `float32` for parity."""
        return str(self.transformer.precision)

    @property
    def weights(self) -> str:
        """How attention and head are kept: `stored`, or `int8`."""
        return self._weights

    @property
    def cache_type(self) -> str:
        """How keys and values are kept: `bf16`, `int8`, or `float32`."""
        return str(self._engine.cache.cache_type)

    @property
    def options(self) -> EngineOptions:
        """The engine's."""
        return self._engine.options

    @property
    def context(self) -> int:
        """Tokens that a conversation may have, prompt and answer together."""
        return self._worker.context

    @cached_property
    def turns(self) -> TurnCompiler:
        """Grammars of turns over this model's vocabulary."""
        return TurnCompiler(self.tokenizer)

    @property
    def is_running(self) -> bool:
        """Whether requests are taken."""
        return self._worker.is_open

    @property
    def load_now(self) -> Load:
        """How busy the engine is."""
        engine = self._engine
        return Load(engine.num_running, engine.num_waiting, engine.cache.usage)

    def logits(self, token_ids: ArrayLike) -> Float32:
        """(tokens, vocabulary) float32 of one full forward pass from an empty cache; for parity and scoring.

        Raises RequestError for ids beyond the vocabulary, more of them than the context, and a model that is closed.
        """
        if not self.is_running:
            raise RequestError("the model is closed; load it again")
        return self.transformer.logits(token_ids)

    def request(
        self,
        token_ids: Sequence[int],
        sampling: SamplingParams,
        *,
        max_tokens: int | None = None,
        processors: tuple[LogitsProcessor, ...] = (),
        guides: tuple[Guide, ...] = (),
        owner: Owner | None = None,
        scores_prompt: bool = False,
    ) -> Request:
        """A request that ends where harmony's turns do, and names no token that the vocabulary lacks.

        Raises RequestError for a value out of range.
        """
        return Request(
            token_ids=token_ids,
            sampling=sampling,
            max_tokens=max_tokens,
            stop_ids=self.stop_ids,
            processors=(*self._processors, *processors),
            guides=guides,
            owner=owner or Owner(),
            scores_prompt=scores_prompt,
        )

    def submit(
        self,
        token_ids: Sequence[int],
        sampling: SamplingParams,
        *,
        max_tokens: int | None = None,
    ) -> Generation:
        """Continue a prompt of token ids.

        Raises RequestError for one that the engine cannot take, QueueFullError when too many wait.
        """
        return self._worker.submit(self.request(token_ids, sampling, max_tokens=max_tokens))

    def submit_many(
        self,
        token_ids: Sequence[int],
        sampling: SamplingParams,
        num: int,
        *,
        max_tokens: int | None = None,
    ) -> list[Generation]:
        """Continue a prompt in several ways; it is computed once, and a seed counts up. Raises as `submit` does."""
        request = self.request(token_ids, sampling, max_tokens=max_tokens)
        return self._worker.submit_many(request, num)

    def submit_all(self, requests: Iterable[Request]) -> list[Generation]:
        """Start all, or none of them. Raises as `submit` does."""
        return self._worker.submit_all(requests)

    def close(self) -> None:
        """Cancel what runs and end the worker's thread."""
        self._closing()

    def _identity(self) -> dict[str, str]:
        """Everything that keys and values depend on: other kernels round differently."""
        return {
            "checkpoint": fingerprint(self.checkpoint),
            "version": version("gptoss"),
            "precision": self.precision,
            "weights": self.weights,
            "kv": self.cache_type,
            "isa": self.backend.isa,
            "bf16_pairs": str(self.backend.bf16_pairs),
        }

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end a turn."""
        # `<|end|>` ends a message, not the turn, whatever a configuration says.
        end = self.tokenizer.special_id("<|end|>")
        return (harmony.stop_ids(self.tokenizer) | set(self.config.eos_token_ids)) - {end}

    @cached_property
    def _processors(self) -> tuple[LogitsProcessor, ...]:
        """Rows of the head that no token stands behind cannot be sampled."""
        known = self.tokenizer.vocab_size
        if known == self.config.vocab_size:
            return ()

        def forbid_unknown(_: Sequence[int], logits: Float32) -> Float32:
            logits[known:] = -np.inf
            return logits

        return (forbid_unknown,)


def _close(worker: Worker, engine: Engine, kept: PrefixFile | None) -> None:
    worker.close()
    if kept is not None:
        try:
            kept.save(engine.prefixes)
        except OutputError as error:
            # The program is ending: nobody catches this any more.
            _LOG.warning("prefixes are not kept: %s", error)
