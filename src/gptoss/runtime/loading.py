"""Opens a checkpoint for answering."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from gptoss.engine import EngineOptions
from gptoss.files.gguf import GgufFile
from gptoss.kernels import Backend
from gptoss.model.checkpoint import Checkpoint, open_checkpoint
from gptoss.model.packed_file import lock_in_memory
from gptoss.model.packing import Packing, WeightType
from gptoss.model.transformer import Transformer
from gptoss.model.weights import ModelWeights
from gptoss.runtime.fitting import fit, weights_of
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.runtime.locating import locate_model
from gptoss.runtime.options import ModelOptions
from gptoss.runtime.packed_weights import OnPacking, dense_arrays, packed_arrays
from gptoss.tokenizer import Tokenizer


def load(
    path_or_name: str | Path | None = None,
    precision: str | None = None,
    threads: int | None = None,
    *,
    weights: str | None = None,
    isa: str | None = None,
    context: int | None = None,
    kv: str | None = None,
    memory: int | str | None = None,
    max_batch: int | None = None,
    options: EngineOptions | None = None,
    weights_cache: str | Path | None = None,
    prefix_cache: str | Path | None = None,
    lock: bool = False,
    on_packing: OnPacking | None = None,
) -> LoadedModel:
    """Open a checkpoint for answering: `path_or_name` and the rest as `ModelOptions` says, `options` of the engine.

    Raises what `open_model` does."""
    wanted = ModelOptions(
        path_or_name,
        precision,
        threads,
        weights=weights,
        isa=isa,
        context=context,
        kv=kv,
        memory=memory,
        max_batch=max_batch,
        engine=options,
        weights_cache=weights_cache,
        prefix_cache=prefix_cache,
        lock=lock,
    )
    return open_model(wanted, on_packing)


def open_model(options: ModelOptions, on_packing: OnPacking | None = None) -> LoadedModel:
    """Open a checkpoint for answering; `on_packing` hears of bytes done and bytes in all while weights are laid out,
    and of the file that they are kept in, or None.

    Weights are memory-mapped. Those of a large model are laid out anew in a file, once, which takes about the size of
    the checkpoint on the disk; where it cannot be written, they are laid out in memory, with a warning.
    Raises a GptossError that says what to do: CheckpointError, ConfigError, TokenizerError, KernelError, RequestError,
    OutputError for memory that cannot be locked, MemoryBudgetError for what does not fit.
    """
    began = time.perf_counter()
    name, directory = locate_model(options.model, budget=options.budget())
    backend = options.backend()
    precision, weight_type, cache_type = options.numbers()
    checkpoint = open_checkpoint(directory)
    tokenizer = _open_tokenizer(checkpoint)
    engine = options.engine_options(checkpoint.config.max_positions)
    engine = fit(checkpoint, weight_type, engine, cache_type, budget=options.budget())
    packing = Packing(checkpoint.config, checkpoint.weights, weight_type, backend)
    arrays = packed_arrays(checkpoint, packing, weight_type, options.weights_cache, on_packing)
    if options.lock:
        lock_in_memory(arrays)
        if weight_type is WeightType.STORED:
            # Attention and head are read from the checkpoint's own files.
            lock_in_memory(dense_arrays(checkpoint.weights))
    transformer = Transformer(
        checkpoint.config, packing.assemble(arrays), backend, str(precision), cache_type
    )
    prefixes = options.prefix_cache
    model = LoadedModel(
        name,
        checkpoint,
        tokenizer,
        transformer,
        weights=str(weight_type),
        options=engine,
        prefix_cache=None if prefixes is None else Path(prefixes).expanduser(),
    )
    model.load_s = time.perf_counter() - began
    return model


@dataclass(frozen=True, slots=True)
class Base:
    """A checkpoint's weights as the kernels read them, without an engine: for training. `num_bytes`: of all weights."""

    name: str
    checkpoint: Checkpoint
    tokenizer: Tokenizer
    weights: ModelWeights
    backend: Backend
    num_bytes: int


def open_base(options: ModelOptions, on_packing: OnPacking | None = None) -> Base:
    """Open a checkpoint's weights: `model`, `threads`, `isa`, `weights`, which are `stored` by default here, and
    `weights_cache`. `on_packing` and errors as of `open_model`.
    """
    name, directory = locate_model(options.model, budget=options.budget())
    backend = options.backend()
    weight_type = WeightType.parse(options.weights or WeightType.STORED)
    checkpoint = open_checkpoint(directory)
    tokenizer = _open_tokenizer(checkpoint)
    tokenizer.check_fits(checkpoint.config.vocab_size)
    packing = Packing(checkpoint.config, checkpoint.weights, weight_type, backend)
    arrays = packed_arrays(checkpoint, packing, weight_type, options.weights_cache, on_packing)
    found = weights_of(checkpoint, weight_type)
    num_bytes = found.resident + found.embedding
    return Base(name, checkpoint, tokenizer, packing.assemble(arrays), backend, num_bytes)


def _open_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    first = checkpoint.files[0]
    if isinstance(first, GgufFile):
        return Tokenizer.from_gguf(first)
    return Tokenizer.from_directory(checkpoint.path)
