"""Loading as GGUF beside the same as safetensors: python -m benchmarks.gguf_packing --model DIR --gguf FILE.

First loads, which lay weights out in a cache file, and second ones, which find it, by turns; the ratio within a turn is
kept. Each load runs in a process of its own and finds no file in memory. Processor time is measured as well, because it
tells more where others use the machine. What experts became is compared byte by byte, and logits with each other.

The file is what benchmarks.peers.gguf_file made of the folder, whose tokenizer.json must lie beside it.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.record import append, machine_name
from gptoss import kernels
from gptoss.model.packing import WeightType
from gptoss.model.safetensors import SafetensorsFile

# How often a process is asked for its memory.
_POLL_S = 0.005
NUM_TOKENS = 32

_LOAD = """
import resource, sys
import numpy as np
import gptoss

def processor_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

path, weights, cache, tokens, out = sys.argv[1:]
before = processor_s()
model = gptoss.load(path, weights=weights, weights_cache=cache, memory="64GiB")
print(model.load_s, processor_s() - before, flush=True)
sys.stdin.readline()
if out:
    ids = np.random.default_rng(0).integers(0, model.transformer.config.vocab_size, int(tokens))
    np.save(out, model.logits(ids))
"""


@dataclass(frozen=True)
class Load:
    """One load: seconds, those of processors, and the most memory that was not a file's."""

    wall_s: float
    processor_s: float
    peak_bytes: int


class Side:
    """A model, and the folder that its cache file goes to."""

    def __init__(self, path: Path, weights: str, folder: Path) -> None:
        self._path = path
        self._weights = weights
        self._folder = folder
        self.logits = folder / "logits.npy"

    @property
    def packed(self) -> Path:
        """The cache file."""
        (found,) = self._folder.glob("*.safetensors")
        return found

    def clear(self) -> None:
        """Remove the cache file."""
        for each in self._folder.glob("*.safetensors"):
            each.unlink()

    def load(self, *, with_logits: bool) -> Load:
        """Load it in a new process, from the disk."""
        files = [self._path] if self._path.is_file() else [*self._path.glob("*.safetensors")]
        for each in (*files, *self._folder.glob("*.safetensors")):
            _forget(each)
        out = str(self.logits) if with_logits else ""
        command = [sys.executable, "-c", _LOAD, str(self._path), self._weights]
        with subprocess.Popen(
            [*command, str(self._folder), str(NUM_TOKENS), out],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            peak = 0
            while not select.select([process.stdout], [], [], _POLL_S)[0]:
                peak = max(peak, _anonymous_bytes(process.pid))
            line = process.stdout.readline()
            process.stdin.close()
            if process.wait() != 0:
                raise SystemExit(f"{self._path} could not be loaded")
        wall, processor = map(float, line.split())
        return Load(wall, processor, peak)


def _forget(path: Path) -> None:
    """Have the system drop what it has of a file in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def _anonymous_bytes(pid: int) -> int:
    """Memory of a process that is not a file's; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")]
    return int(found[0]) << 10 if found else 0


def compare_experts(first: Path, second: Path) -> int:
    """How many tensors of experts two cache files have; all must be equal, byte by byte."""
    files = [SafetensorsFile(path, is_own=True) for path in (first, second)]
    names = [name for name in files[0].tensors if ".gate_up." in name or ".down." in name]
    for name in names:
        for one, other in zip(*(file.read(name) for file in files), strict=True):
            if not np.array_equal(one, other):
                raise SystemExit(f"{name} differs")
        for file in files:
            file.release()
    return len(names)


def measure(folder: Side, gguf: Side, num_turns: int) -> dict[str, float]:
    """Medians of both and of their ratios, GGUF to safetensors; who goes first changes."""
    loads: dict[str, list[tuple[Load, Load]]] = {"first": [], "second": []}
    for turn in range(num_turns):
        found: dict[str, list[Load]] = {"first": [], "second": []}
        order = (folder, gguf) if turn % 2 == 0 else (gguf, folder)
        for side in order:
            found["first"].append(side.load(with_logits=False))
            found["second"].append(side.load(with_logits=turn == 0))
            if turn > 0:
                side.clear()
        if turn == 0:
            print(f"{compare_experts(folder.packed, gguf.packed)} tensors of experts are equal")
            folder.clear()
            gguf.clear()
        for which, pair in found.items():
            one, other = pair if turn % 2 == 0 else reversed(pair)
            loads[which].append((one, other))
            print(which, one, other, file=sys.stderr, flush=True)
    metrics: dict[str, float] = {}
    for which, pairs in loads.items():
        for name, digits in (("wall_s", 2), ("processor_s", 2), ("peak_bytes", 0)):
            columns = [[getattr(load, name) for load in pair] for pair in pairs]
            ones, others = zip(*columns, strict=True)
            metrics[f"{which}_safetensors_{name}"] = round(statistics.median(ones), digits)
            metrics[f"{which}_gguf_{name}"] = round(statistics.median(others), digits)
            ratio = statistics.median(other / one for one, other in columns)
            metrics[f"{which}_{name}_ratio"] = round(ratio, 3)
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--weights", choices=[*WeightType], default="int8")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="where cache files go for the time being")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.cache) as directory:
        sides = []
        for path in (options.model, options.gguf):
            folder = Path(directory) / path.name
            folder.mkdir()
            sides.append(Side(path, options.weights, folder))
        metrics = measure(sides[0], sides[1], options.turns)
        wanted, got = (np.load(side.logits) for side in sides)
    spread = float(wanted.std())
    metrics["logits_rms_difference"] = round(
        float(np.sqrt(((got - wanted) ** 2).mean())) / spread, 6
    )
    table = Table(
        "what", "value", title=f"{machine_name()}: {options.gguf.name}, {options.weights}"
    )
    for name, value in metrics.items():
        table.add_row(name, f"{value:g}")
    Console().print(table)
    backend = kernels.Backend()
    common = {
        "isa": backend.isa,
        "threads": backend.threads,
        "model": options.gguf.name,
        "precision": f"{options.weights} matrices",
    }
    append("gguf_packing.csv", common, metrics)


if __name__ == "__main__":
    main()
