"""Which model is to run, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

from gptoss import kernels
from gptoss.arguments import require_type
from gptoss.engine import EngineOptions
from gptoss.errors import RequestError
from gptoss.model.packing import WeightType
from gptoss.model.precision import CacheType, Precision
from gptoss.runtime.machine_memory import parse_bytes

DEFAULT_PRECISION = "int8"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which model is to run, and how.

    model          a checkpoint's folder, a GGUF file, the name of a model that is here, or `nano`; None: the
                   environment variable GPTOSS_MODEL, else a released model that is here and fits, else nano
    precision      what matrix inputs are rounded to: `int8`, `bf16`, or `float32` for parity; None: `int8`
    threads        None: all cores that this process may use
    weights        attention and head: `stored`, or in eight bits, `int8`; None: `int8` at that precision, else `stored`
    isa            an instruction set by name; None: the best of this machine
    context        tokens that a conversation may have; None: the model's own, or fewer where memory ends
    kv             keys and values: `bf16`, `int8` or `float32`; None: `bf16`, or `float32` at that precision
    memory         bytes that all may take, or a text like `16G`; None: what the machine can give
    max_batch      sequences at once; None: 16, or what `engine` has
    engine         further options of the engine
    weights_cache  where weights laid out for this program are kept; None: $GPTOSS_WEIGHTS_CACHE, else the user's
                   cache folder
    prefix_cache   where the prefix cache is kept from one run to the next; None: it ends with the model
    lock           keep the weights in memory, where the system might give their place to others
    """

    model: str | Path | None = None
    precision: str | None = None
    threads: int | None = None
    weights: str | None = None
    isa: str | None = None
    context: int | None = None
    kv: str | None = None
    memory: int | str | None = None
    max_batch: int | None = None
    engine: EngineOptions | None = None
    weights_cache: str | Path | None = None
    prefix_cache: str | Path | None = None
    lock: bool = False

    def __post_init__(self) -> None:
        """Raises RequestError for a value of another type; ranges are for those who use it."""
        paths = "a path or a name"
        require_type("model", self.model, str, Path, type(None), wanted=paths)
        for name in ("threads", "context", "max_batch"):
            require_type(name, getattr(self, name), Integral, type(None))
        for name in ("precision", "weights", "isa", "kv"):
            require_type(name, getattr(self, name), str, type(None))
        size = "a number of bytes, or a size like '16G'"
        require_type("memory", self.memory, Integral, str, type(None), wanted=size)
        for name in ("weights_cache", "prefix_cache"):
            require_type(name, getattr(self, name), str, Path, type(None), wanted="a folder")
        require_type("options", self.engine, EngineOptions, type(None))
        require_type("lock", self.lock, bool)

    def numbers(self) -> tuple[Precision, WeightType, CacheType]:
        """The types that numbers are kept as, each with its default. Raises RequestError for an unknown name."""
        precision = Precision.parse(self.precision or DEFAULT_PRECISION)
        is_int8 = precision is Precision.INT8
        default = WeightType.INT8 if is_int8 else WeightType.STORED
        weights = WeightType.parse(self.weights or default)
        kv = CacheType.of(precision) if self.kv is None else CacheType.parse(self.kv)
        return precision, weights, kv

    def engine_options(self, max_positions: int) -> EngineOptions:
        """The engine's, for a model of so many positions. Raises RequestError for what it cannot have."""
        found = self.engine or EngineOptions()
        if self.max_batch is not None:
            found = replace(found, max_running=self.max_batch)
        if self.context is not None:
            found = replace(found, context=self.context)
            found.require_context(max_positions)
        return found

    def budget(self) -> int | None:
        """Bytes that all may take; None: what the machine can give. Raises RequestError for what is no size."""
        return parse_bytes(self.memory) if isinstance(self.memory, str) else self.memory

    def backend(self) -> kernels.Backend:
        """The kernels that compute. Raises RequestError for more threads than cores, KernelError for no such set."""
        cores = kernels.available_threads()
        if self.threads is not None and self.threads > cores:
            raise RequestError(
                f"got {self.threads} threads, and this process may use {cores} cores: more would wait for each other; "
                "leave --threads out for all"
            )
        return kernels.Backend(isa=self.isa, threads=self.threads)
