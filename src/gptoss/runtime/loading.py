"""Opens a checkpoint for answering."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gptoss import kernels
from gptoss.engine import EngineOptions
from gptoss.errors import RequestError
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.packed_file import lock_in_memory
from gptoss.model.packing import Matrices, Packing
from gptoss.model.precision import CacheType, Precision
from gptoss.model.transformer import Transformer
from gptoss.runtime.fitting import fit
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.runtime.locating import locate_model
from gptoss.runtime.machine_memory import parse_bytes
from gptoss.runtime.packed_weights import dense_arrays, packed_arrays
from gptoss.tokenizer import Tokenizer

DEFAULT_PRECISION = "int8"


def load(
    path_or_name: str | Path | None = None,
    precision: str = DEFAULT_PRECISION,
    threads: int | None = None,
    *,
    weights: str | None = None,
    isa: str | None = None,
    context: int | None = None,
    kv: str | None = None,
    memory: int | str | None = None,
    options: EngineOptions | None = None,
    cache: str | Path | None = None,
    prefix_directory: str | Path | None = None,
    lock: bool = False,
    on_packing: Callable[[int, int], object] | None = None,
) -> LoadedModel:
    """Open a checkpoint for answering.

    path_or_name  a checkpoint's folder, or `nano`; None: the environment variable GPTOSS_MODEL, else nano
    precision     what matrix inputs are rounded to: `int8`, `bf16`, or `float32` for parity
    threads       None: all cores that this process may use
    weights       attention and head: `stored`, or in eight bits, `int8`; None: `int8` at that precision, else `stored`
    isa           an instruction set by name; None: the best of this machine
    context       tokens that a conversation may have; None: the model's own, or fewer where memory ends
    kv            keys and values: `bf16`, `int8` or `float32`; None: `bf16`, or `float32` at that precision
    memory        bytes that all may take, or a text like `16G`; None: what the machine can give
    options       of the engine: sequences at once, and more
    cache         where weights laid out for this program are kept; None: $GPTOSS_CACHE, else the user's cache folder
    prefix_directory  where the prefix cache is kept from one run to the next; None: it ends with the model
    lock          keep the weights in memory, where the system might give their place to others
    on_packing    hears of bytes done and bytes in all while weights are laid out

    Weights are memory-mapped. Those of a large model are laid out anew in a file, once, which takes about the size of
    the checkpoint on the disk; where it cannot be written, they are laid out in memory, with a warning.
    Raises a GptossError that says what to do: CheckpointError, ConfigError, TokenizerError, KernelError, RequestError,
    OutputError for memory that cannot be locked, MemoryBudgetError for what does not fit.
    """
    began = time.perf_counter()
    name, directory = locate_model(path_or_name)
    cores = kernels.available_threads()
    if threads is not None and threads > cores:
        raise RequestError(
            f"got {threads} threads, and this process may use {cores} cores: more would wait for each other; "
            "leave --threads out for all"
        )
    parsed_precision, matrices, cache_type = parse_numbers(precision, weights, kv)
    backend = kernels.Backend(isa=isa, threads=threads)
    checkpoint = open_checkpoint(directory)
    tokenizer = Tokenizer.from_directory(checkpoint.directory)
    options = options or EngineOptions()
    if context is not None:
        options = replace(options, context=context)
        options.require_context(checkpoint.config.max_positions)
    budget = parse_bytes(memory) if isinstance(memory, str) else memory
    options = fit(checkpoint, matrices, options, cache_type, budget=budget)
    packing = Packing(checkpoint.config, checkpoint.weights, matrices, backend)
    arrays = packed_arrays(checkpoint, packing, matrices, cache, on_packing)
    if lock:
        lock_in_memory(arrays)
        if matrices is Matrices.STORED:
            # Attention and head are read from the checkpoint's own files.
            lock_in_memory(dense_arrays(checkpoint.weights))
    transformer = Transformer(
        checkpoint.config, packing.assemble(arrays), backend, str(parsed_precision), cache_type
    )
    model = LoadedModel(
        name,
        checkpoint,
        tokenizer,
        transformer,
        matrices=str(matrices),
        options=options,
        prefix_directory=None if prefix_directory is None else Path(prefix_directory).expanduser(),
    )
    model.load_s = time.perf_counter() - began
    return model


def parse_numbers(
    precision: str | None, weights: str | None, kv: str | None
) -> tuple[Precision, Matrices, CacheType]:
    """What numbers are kept as, each with its default. Raises RequestError for a name that there is none of."""
    parsed = Precision.parse(precision or DEFAULT_PRECISION)
    is_int8 = parsed is Precision.INT8
    matrices = Matrices.parse(weights or (Matrices.INT8 if is_int8 else Matrices.STORED))
    return parsed, matrices, CacheType.of(parsed) if kv is None else CacheType.parse(kv)
