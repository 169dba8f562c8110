"""The forward pass: token ids and a KV cache to logits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from gptoss import kernels
from gptoss.kernels import Float32
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.attention import Attention
from gptoss.model.batch import Batch, Step, check_token_ids
from gptoss.model.config import Config, LayerType
from gptoss.model.encoded import EncodedMatrix
from gptoss.model.experts import Experts
from gptoss.model.kv_cache import MAX_CHUNK, KVCache, SequenceCache
from gptoss.model.precision import CacheType, Precision
from gptoss.model.rope import RotaryTables
from gptoss.model.weights import ModelWeights
from gptoss.model.workspace import Backend, Workspace

# Decodes of so many sequences are recorded: between kernels of one, the interpreter would take a tenth of its time.
_MAX_RECORDED_TOKENS = 32
# Kept for one cache, one for each number of sequences and of pages.
_MAX_RECORDINGS = 64


@dataclass(frozen=True)
class _Layer:
    kind: LayerType
    index_in_pool: int
    attention: Attention
    experts: Experts


@dataclass(frozen=True)
class _RecordedDecode:
    """All layers of one step of one size over one cache: fill `step` and `hidden`, then replay."""

    step: Step
    hidden: Float32
    calls: kernels.Recording


class Transformer:
    """A model ready to compute.

    A token's logits are the same bit for bit in whatever chunks, batches or steps its sequence is
    computed on one backend. Passes from several threads wait for each other: they share buffers.
    """

    def __init__(
        self,
        config: Config,
        weights: ModelWeights,
        backend: Backend,
        precision: str = "bf16",
        cache_type: CacheType | None = None,
    ) -> None:
        self.config = config
        self.precision = Precision.parse(precision)
        self.cache_type = CacheType.of(self.precision) if cache_type is None else cache_type
        self._weights = weights
        self._workspace = Workspace(backend, self.precision)
        self._one_pass = threading.Lock()
        self._records = isinstance(backend, kernels.Backend)
        self._recorded: WeakKeyDictionary[KVCache, dict[tuple[int, int], _RecordedDecode]] = (
            WeakKeyDictionary()
        )
        self._recorded_with = 0
        self._rotary = RotaryTables(config.rope, config.head_dim)
        self._layers = [
            _Layer(
                kind,
                # Each kind of layers has a pool of its own, in the order of the layers.
                config.layer_types[:number].count(kind),
                Attention(config, kind, layer.attention, self._workspace),
                Experts(config, layer.experts, self._workspace),
            )
            for number, (kind, layer) in enumerate(
                zip(config.layer_types, weights.layers, strict=True)
            )
        ]

    @property
    def backend(self) -> Backend:
        """The kernels that compute."""
        return self._workspace.backend

    def new_cache(
        self,
        *,
        max_tokens: int | None = None,
        max_sequences: int = 1,
        spare_tokens: int = 0,
        cache_type: CacheType | None = None,
    ) -> KVCache:
        """A KV cache for this model, by default of its own type; see `KVCache`."""
        return KVCache(
            self.config,
            cache_type or self.cache_type,
            max_tokens=max_tokens,
            max_sequences=max_sequences,
            spare_tokens=spare_tokens,
        )

    def forward(self, batch: Batch) -> Float32:
        """Logits (wanted, vocabulary) of the batch's wanted rows, in a new array.

        Stores the batch's keys and values and lengthens its sequences. Raises RequestError when a
        sequence does not fit; its length is then what it was.
        """
        with self._one_pass:
            return self._forward(batch)

    def prefill(self, sequence: SequenceCache, token_ids: ArrayLike) -> Float32:
        """Store tokens of any number, chunk by chunk; the logits (vocabulary) of the last.

        Raises RequestError for ids beyond the vocabulary, and before computing anything when the
        tokens do not fit into the context.
        """
        ids = check_token_ids(token_ids, self.config)
        sequence.require_room(len(ids))
        logits = np.empty((0, self.config.vocab_size), np.float32)
        for start in range(0, len(ids), MAX_CHUNK):
            chunk = ids[start : start + MAX_CHUNK]
            is_last = start + MAX_CHUNK >= len(ids)
            logits = self.forward(Batch.of([(sequence, chunk)], None if is_last else []))
        last: Float32 = logits[0]
        return last

    def logits(self, token_ids: ArrayLike) -> Float32:
        """(tokens, vocabulary) of one full pass over a sequence, from an empty cache.

        Raises RequestError for ids beyond the vocabulary and for more tokens than the context.
        """
        ids = check_token_ids(token_ids, self.config)
        sequence = self.new_cache(max_tokens=len(ids)).sequence()
        sequence.require_room(len(ids))
        logits = np.empty((len(ids), self.config.vocab_size), np.float32)
        for start in range(0, len(ids), MAX_CHUNK):
            chunk = ids[start : start + MAX_CHUNK]
            rows = np.arange(len(chunk))
            logits[start : start + len(chunk)] = self.forward(Batch.of([(sequence, chunk)], rows))
        return logits

    def hidden_states(self, token_ids: ArrayLike) -> Float32:
        """(layers, tokens, hidden_size): the residual stream after each layer, for a sequence of MAX_CHUNK at most.

        Raises RequestError for ids beyond the vocabulary and for too many.
        """
        ids = check_token_ids(token_ids, self.config)
        cache = self.new_cache(max_tokens=len(ids))
        batch = Batch.of([(cache.sequence(), ids)], [])
        batch.reserve()
        step = self._new_step(batch, batch.max_pages)
        step.fill(batch, self._rotary)
        with self._one_pass:
            hidden = self._embed(batch)
            return np.stack([hidden.copy() for _ in self._run_layers(hidden, step, cache)])

    def _forward(self, batch: Batch) -> Float32:
        batch.reserve()
        hidden = self._decode(batch) if self._can_record(batch) else self._prefill(batch)
        batch.advance()
        return self._head(hidden[batch.wanted])

    def _prefill(self, batch: Batch) -> Float32:
        """The residual stream (tokens, hidden_size) after the last layer, whatever the batch."""
        step = self._new_step(batch, batch.max_pages)
        step.fill(batch, self._rotary)
        hidden = self._embed(batch)
        for _ in self._run_layers(hidden, step, batch.sequences[0].cache):
            pass
        return hidden

    def _can_record(self, batch: Batch) -> bool:
        one_each = len(batch.token_ids) == len(batch.sequences)
        return one_each and len(batch.sequences) <= _MAX_RECORDED_TOKENS and self._records

    def _decode(self, batch: Batch) -> Float32:
        """The same by a recording, of a new token for each sequence."""
        if self._recorded_with != self._workspace.num_grown:
            # They hold buffers that are in use no more.
            self._recorded.clear()
        cache = batch.sequences[0].cache
        recorded = self._recorded.setdefault(cache, {})
        # Powers of two, so that a growing sequence is recorded anew seldom.
        max_pages = 1 << (batch.max_pages - 1).bit_length()
        size = (len(batch.sequences), max_pages)
        decode = recorded.get(size)
        if decode is not None:
            decode.step.fill(batch, self._rotary)
            decode.hidden[...] = self._embed(batch)
            decode.calls.replay()
            return decode.hidden
        step, hidden = self._new_step(batch, max_pages), self._embed(batch)
        step.fill(batch, self._rotary)
        assert isinstance(self.backend, kernels.Backend)
        with self.backend.record() as calls:
            for _ in self._run_layers(hidden, step, cache):
                pass
        if len(recorded) == _MAX_RECORDINGS:
            del recorded[next(iter(recorded))]
        recorded[size] = _RecordedDecode(step, hidden, calls)
        self._recorded_with = self._workspace.num_grown
        return hidden

    def _new_step(self, batch: Batch, max_pages: int) -> Step:
        return Step.empty(
            len(batch.token_ids), len(batch.sequences), max_pages, self.config.head_dim
        )

    def _embed(self, batch: Batch) -> Float32:
        embedding = self._weights.embedding
        if not isinstance(embedding, EncodedMatrix):
            return bf16_to_float32(embedding[batch.token_ids])
        rows = np.empty((len(batch.token_ids), self.config.hidden_size), np.uint16)
        embedding.decode_to(rows, batch.token_ids, self.backend)
        return bf16_to_float32(rows)

    def _run_layers(self, hidden: Float32, step: Step, cache: KVCache) -> Iterator[None]:
        """Change the residual stream (tokens, hidden_size) layer by layer."""
        for layer in self._layers:
            layer.attention.add_to(hidden, step, cache.pool(layer.kind).pages[layer.index_in_pool])
            layer.experts.add_to(hidden)
            yield

    def _head(self, hidden: Float32) -> Float32:
        """The final norm and the projection to the vocabulary, of hidden (rows, hidden_size)."""
        logits = np.empty((len(hidden), self.config.vocab_size), np.float32)
        if not len(hidden):
            return logits
        head = self._weights.head
        normed = self._workspace.floats("normed", *hidden.shape)
        rounded = self._workspace.rounded("normed", normed, head)
        eps = self.config.rms_norm_eps
        self.backend.rms_norm(hidden, self._weights.norm, normed, eps=eps, rounded=rounded)
        x = normed if rounded is None else rounded
        self._workspace.multiply(x, head, None, logits)
        return logits
