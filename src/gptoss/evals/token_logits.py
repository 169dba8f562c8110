"""Logits of a given sequence, some tokens at a time: those of a whole text would take gigabytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gptoss.errors import EvalError, RequestError
from gptoss.kernels import Float32
from gptoss.model.batch import Batch, check_token_ids
from gptoss.model.kv_cache import MAX_CHUNK
from gptoss.model.precision import CacheType
from gptoss.runtime.loaded_model import LoadedModel

Float64 = npt.NDArray[np.float64]
# Of 201,088 logits each: a hundred megabytes, and far more than the products need to be as fast as they can.
_ROWS = 128
# Likewise in double precision, with what is made of them.
_ROWS_OF_LOGPROBS = 8


def parts_of_logits(
    model: LoadedModel, token_ids: Sequence[int], first: int = 0
) -> Iterator[tuple[int, Float32]]:
    """Logits (rows, vocabulary) of what follows each token from position `first` on, with the position of their first.

    The vocabulary is the tokenizer's. A model's cache is of the type that it answers with.
    Raises RequestError for ids beyond the vocabulary, more of them than the context, and a model that is closed.
    """
    if not model.is_running:
        raise RequestError("the model is closed; load it again")
    transformer = model.transformer
    ids = check_token_ids(token_ids, model.config)
    cache = transformer.new_cache(max_tokens=len(ids), cache_type=CacheType(model.cache_type))
    sequence = cache.sequence()
    sequence.require_room(len(ids))
    for start in range(0, first, MAX_CHUNK):
        chunk = ids[start : min(start + MAX_CHUNK, first)]
        transformer.forward(Batch.of([(sequence, chunk)], []))
    for start in range(first, len(ids), _ROWS):
        chunk = ids[start : start + _ROWS]
        logits = transformer.forward(Batch.of([(sequence, chunk)], np.arange(len(chunk))))
        yield start, logits[:, : model.tokenizer.vocab_size]


def logprobs(logits: Float32) -> Float64:
    """Log-softmax (rows, vocabulary) in double precision; of a few rows, since it takes twice the memory."""
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    return values


def slices(count: int) -> Iterator[slice]:
    """Rows to have logprobs of at once."""
    for start in range(0, count, _ROWS_OF_LOGPROBS):
        yield slice(start, min(start + _ROWS_OF_LOGPROBS, count))


def divergence(reference: Float64, other: Float64) -> Float64:
    """KL(reference, other) in nats (rows) of logprobs (rows, vocabulary)."""
    weights = np.exp(reference)
    # Where the reference has no weight, nothing is lost, however unlikely the other finds it.
    gaps = np.subtract(reference, other, out=np.zeros_like(weights), where=weights > 0)
    found: Float64 = np.einsum("ij,ij->i", weights, gaps)
    # Rounding may bring it below zero.
    return np.maximum(found, 0.0)


def require_same_tokens(model: LoadedModel, reference: LoadedModel) -> None:
    """Raises EvalError for models whose tokens mean different texts."""
    if model.tokenizer.pieces() != reference.tokenizer.pieces():
        raise EvalError(
            f"got {model.name} and {reference.name}, which have different tokenizers; wanted two files or precisions "
            "of one model"
        )
