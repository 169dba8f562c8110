"""From a name or a folder to a model that answers."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gptoss import kernels, nano
from gptoss.chat.fitting import fit
from gptoss.chat.loaded_model import LoadedModel
from gptoss.engine import EngineOptions
from gptoss.engine.memory import available_memory, parse_bytes
from gptoss.errors import CheckpointError, OutputError, RequestError
from gptoss.model.checkpoint import Checkpoint, open_checkpoint
from gptoss.model.packed_file import (
    PackedFile,
    cache_directory,
    fault_in,
    lock_in_memory,
    release,
)
from gptoss.model.packing import Arrays, Matrices, Packing
from gptoss.model.precision import CacheType, Precision
from gptoss.model.transformer import Transformer
from gptoss.model.weights import Int8Matrix, ModelWeights
from gptoss.tokenizer import Tokenizer

MODEL_VARIABLE = "GPTOSS_MODEL"
DEFAULT_PRECISION = "int8"
# Characters of a wrong name in an error.
MAX_SHOWN = 200
# Weights that are laid out in a blink need no file.
SMALL_BYTES = 256 << 20


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
    arrays = _pack(checkpoint, packing, matrices, cache, on_packing)
    if lock:
        lock_in_memory(arrays)
        if matrices is Matrices.STORED:
            # Attention and head are read from the checkpoint's own files.
            lock_in_memory(_dense(checkpoint.weights))
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


def _pack(
    checkpoint: Checkpoint,
    packing: Packing,
    matrices: Matrices,
    cache: str | Path | None,
    on_packing: Callable[[int, int], object] | None,
) -> Arrays:
    """The packed weights: from their cache file, which is made if it is not there; or in memory."""
    done = 0

    def advance(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        if on_packing is not None:
            on_packing(done, packing.num_bytes)

    if packing.num_bytes <= SMALL_BYTES:
        return packing.in_memory()
    try:
        folder = cache_directory() if cache is None else Path(cache).expanduser()
        file = PackedFile(folder, checkpoint, matrices)
        arrays = _open_packed(file, packing, advance)
    except OutputError as error:
        require_memory(packing.num_bytes, error)
        warnings.warn(f"{error}; weights are laid out in memory at every start", stacklevel=3)
        done = 0
        arrays = packing.in_memory(advance)
        release(checkpoint)
        return arrays
    _fault_in(arrays, packing.num_bytes)
    return arrays


def _open_packed(file: PackedFile, packing: Packing, advance: Callable[[int], object]) -> Arrays:
    """The file's tensors; it is made if it is not there, and made anew, with a warning, if it cannot be used.

    Raises OutputError where it cannot be made.
    """
    try:
        arrays = file.open(packing)
    except CheckpointError as error:
        try:
            arrays = _make_packed(file, packing, advance)
        except OutputError as failure:
            raise OutputError(f"{error}; and {failure}") from None
        warnings.warn(f"{error}; it was made anew", stacklevel=4)
    return _make_packed(file, packing, advance) if arrays is None else arrays


def _make_packed(file: PackedFile, packing: Packing, advance: Callable[[int], object]) -> Arrays:
    file.write(packing, advance)
    try:
        arrays = file.open(packing)
    except CheckpointError as error:
        raise OutputError(f"{error}, although it was just made") from None
    if arrays is None:
        raise OutputError(f"{file.path} has gone again as soon as it was made")
    return arrays


def _dense(weights: ModelWeights) -> Arrays:
    """The matrices that are used as they are stored."""
    found = {"head": weights.head}
    for index, layer in enumerate(weights.layers):
        linears = (*layer.attention.qkv, layer.attention.output)
        found |= {f"layer{index}.{part}": linear.weight for part, linear in enumerate(linears)}
    return {name: matrix for name, matrix in found.items() if not isinstance(matrix, Int8Matrix)}


def _fault_in(arrays: Arrays, num_bytes: int) -> None:
    """Map the weights' pages now, if they fit into memory; else only those that are used come in."""
    available = available_memory()
    if available is not None and available >= num_bytes:
        fault_in(arrays)


def require_memory(num_bytes: int, why: OutputError) -> None:
    """Raises OutputError when this machine has less memory to give than weights laid out in memory would take."""
    available = available_memory()
    if available is not None and available < num_bytes:
        raise OutputError(
            f"{why}; and laid out in memory they would take {num_bytes / 1e9:.1f} GB of the {available / 1e9:.1f} that "
            "are available: name a folder on a larger disk with --cache or GPTOSS_CACHE"
        )


def locate_model(path_or_name: str | Path | None) -> tuple[str, Path]:
    """A model's name and folder; None: the environment variable GPTOSS_MODEL, else nano.

    Raises CheckpointError if there is no such folder.
    """
    if path_or_name is None:
        path_or_name = os.environ.get(MODEL_VARIABLE) or nano.NAME
    directory = _directory(path_or_name)
    return nano.NAME if directory == nano.checkpoint_path() else directory.resolve().name, directory


def _directory(path_or_name: str | Path) -> Path:
    name = str(path_or_name)
    if name == nano.NAME:
        return nano.checkpoint_path()
    wanted = f"wanted the folder of a checkpoint, or {nano.NAME!r}"
    if not name:
        raise CheckpointError(f"got an empty name for the model, {wanted}")
    shown = repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}...")
    try:
        directory = Path(name).expanduser()
        if directory.exists():
            return directory
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot look for the model {shown}: {reason}; {wanted}") from None
    raise CheckpointError(f"there is no model {shown}; {wanted}")
