"""What benchmarks of whole models share: a process with an engine in it, and how fast memory is beside it."""

from __future__ import annotations

import json
import subprocess
import time

import numpy as np

from benchmarks.peers.protocol import Task, encode
from gptoss import kernels

_PROBE_BYTES = 1 << 30


class Worker:
    """A process with one engine in it."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer()

    def seconds(self, task: Task) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(encode(task))
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended early; run its worker by hand to see why")
        answer: dict[str, float] = json.loads(line)
        return answer


class Probe:
    """How fast this machine reads memory now, on as many threads."""

    def __init__(self, threads: int) -> None:
        self._backend = kernels.Backend(threads=threads)
        self._words = np.ones(_PROBE_BYTES // 8, np.uint64)

    @property
    def num_bytes(self) -> int:
        """Memory that the probe itself takes."""
        return self._words.nbytes

    def gigabytes_per_s(self) -> float:
        began = time.perf_counter()
        self._backend.read_words(self._words)
        return self._words.nbytes / (time.perf_counter() - began) / 1e9
