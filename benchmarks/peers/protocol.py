"""A worker holds one engine with one model, and times what it is told to: a line of JSON in, one out."""

from __future__ import annotations

import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from typing import Protocol


@dataclass(frozen=True)
class Task:
    """What to time: prefill of so many tokens, or decode one by one after `depth` tokens; of `batch` sequences."""

    kind: str
    num_tokens: int
    depth: int = 0
    batch: int = 1

    @property
    def name(self) -> str:
        """Of its row in the results."""
        parts = [self.kind, str(self.num_tokens)]
        parts += [f"depth{self.depth}"] if self.depth else []
        parts += [f"batch{self.batch}"] if self.batch > 1 else []
        return "_".join(parts)


class Engine(Protocol):
    """What a worker needs of an engine. Token ids are of the 20B's vocabulary."""

    def prefill(self, prompts: list[list[int]]) -> None:
        """Forget everything, then read a prompt for each sequence."""

    def decode(self, token_ids: list[int]) -> None:
        """Add one token to each sequence and compute its logits."""


VOCABULARY = 199_998


def prompts(task: Task, length: int) -> list[list[int]]:
    """Different ones for each sequence: equal ones would choose equal experts, which flatters every engine."""
    source = random.Random(length)
    return [source.choices(range(VOCABULARY), k=length) for _ in range(task.batch)]


def seconds(engine: Engine, task: Task, *, continues: bool) -> float:
    """How long the task takes; what comes before it is not counted.

    `continues`: the same task was the last, so a decode goes on from where it ended, a little deeper, and need not read
    its prompts again.
    """
    if task.kind == "prefill":
        read = prompts(task, task.num_tokens)
        began = time.perf_counter()
        engine.prefill(read)
        return time.perf_counter() - began
    steps = list(zip(*prompts(task, task.num_tokens), strict=True))
    if not continues:
        engine.prefill(prompts(task, max(task.depth, 1)))
        engine.decode(list(steps[0]))
    began = time.perf_counter()
    for step in steps:
        engine.decode(list(step))
    return time.perf_counter() - began


def serve(engine: Engine) -> None:
    """Answer tasks until the input ends."""
    last: Task | None = None
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        task = Task(**json.loads(line))
        taken = seconds(engine, task, continues=task == last)
        last = task
        print(json.dumps({"seconds": taken}), flush=True)


def encode(task: Task) -> str:
    """The line that asks for a task."""
    return json.dumps(asdict(task)) + "\n"
