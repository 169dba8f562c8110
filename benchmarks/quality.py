"""What each precision costs in quality: python -m benchmarks.quality [--model DIR] -> results/quality.csv.

On nano: accuracy on held-out sums, and, over the answers that float32 gave, how far the distribution of the next token
moves (KL divergence, nats a token) and how often the likeliest token changes. On the exact shapes of the 20B with
random weights (--model): the relative error of the residual stream after each layer.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.record import append
from gptoss.harmony import render
from gptoss.nano import checkpoint_path
from gptoss.runtime import LoadedModel, load
from recipes.nano.arithmetic import sum_example
from recipes.nano.evaluate import conversation, distinct_sums, wilson
from recipes.nano.example import Example
from recipes.nano.generation import Answerer

# Precision, matrices, and keys and values.
KINDS = [
    *((p, w, None) for w in ("stored", "int8") for p in ("float32", "bf16", "int8")),
    ("bf16", "stored", "int8"),
    ("int8", "int8", "int8"),
]
Kind = tuple[str, str, str | None]
LEVEL = "medium"
SUMS = 400
COMPARED = 100
TOKENS = 64


@dataclass(frozen=True)
class Quality:
    """Of one precision on nano."""

    right: int
    asked: int
    divergence: float
    changed: float


def examples() -> list[Example]:
    """Held-out sums of three to five digits."""
    source = random.Random("quality")
    return [
        sum_example(source, problem, LEVEL)
        for digits in (3, 4, 5)
        for sign in "+-"
        for problem in distinct_sums(source, digits, sign, SUMS // 2)
    ]


def log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Over the last axis."""
    wide = logits.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    shifted: NDArray[np.float64] = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    return shifted


def on_nano(asked: list[Example]) -> dict[Kind, Quality]:
    """Every precision on the same prompts and seeds."""
    found: dict[Kind, Quality] = {}
    sequences: list[list[int]] = []
    wanted: list[NDArray[np.float64]] = []
    for precision, weights, kv in track(KINDS, description="nano"):
        answerer = Answerer(checkpoint_path(), precision=precision, weights=weights, kv=kv)
        tokenizer = answerer.model.tokenizer
        prompts = [render(conversation(example), tokenizer) for example in asked]
        answers = answerer.answers(prompts, 1.0)
        right = sum(a.content == e.final for a, e in zip(answers, asked, strict=True))
        if not sequences:
            # The target of every example stands for what float32 would say: it is right nearly always.
            sequences = [
                [*prompt, *tokenizer.encode(answer.reasoning)]
                for prompt, answer in zip(prompts[:COMPARED], answers, strict=False)
            ]
            wanted = [log_probabilities(answerer.model.logits(ids)) for ids in sequences]
        got = [log_probabilities(answerer.model.logits(ids)) for ids in sequences]
        divergence = [(np.exp(p) * (p - q)).sum(-1) for p, q in zip(wanted, got, strict=True)]
        changed = [p.argmax(-1) != q.argmax(-1) for p, q in zip(wanted, got, strict=True)]
        found[precision, weights, kv] = Quality(
            right,
            len(asked),
            float(np.concatenate(divergence).mean()),
            float(np.concatenate(changed).mean()),
        )
    return found


def layer_errors(model: Path) -> dict[Kind, NDArray[np.float64]]:
    """Relative error after each layer, root mean square over tokens and values."""
    ids = np.random.default_rng(0).integers(0, 199_998, TOKENS)
    exact: NDArray[np.float32] | None = None
    errors = {}
    for precision, weights, kv in KINDS:
        loaded: LoadedModel = load(model, precision, weights=weights, kv=kv)
        states = loaded.transformer.hidden_states(ids)
        exact = states if exact is None else exact
        difference = np.square(states.astype(np.float64) - exact).mean((1, 2))
        errors[precision, weights, kv] = np.sqrt(difference / np.square(exact).mean((1, 2)))
        loaded.close()
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    qualities = on_nano(examples())
    errors = layer_errors(options.model) if options.model else {}
    table = Table(
        "weights", "precision", "kv", "right", "KL, nats", "likeliest changed", "error, last layer"
    )
    for (precision, weights, kv), q in qualities.items():
        low, high = wilson(q.right, q.asked)
        metrics: dict[str, object] = {
            "nano_accuracy": round(q.right / q.asked, 4),
            "nano_accuracy_low": round(low, 4),
            "nano_accuracy_high": round(high, 4),
            "nano_kl": f"{q.divergence:.3g}",
            "nano_likeliest_changed": f"{q.changed:.3g}",
        }
        error = errors.get((precision, weights, kv))
        if error is not None:
            metrics |= {f"layer_{i + 1}_error": f"{e:.3g}" for i, e in enumerate(error)}
        table.add_row(
            weights,
            precision,
            kv or "",
            f"{q.right / q.asked:.2%} [{low:.2%}, {high:.2%}]",
            f"{q.divergence:.2e}",
            f"{q.changed:.2%}",
            "" if error is None else f"{error[-1]:.2%}",
        )
        name = options.model.name if options.model else "nano"
        common = {
            "isa": "",
            "threads": "",
            "model": name,
            "precision": f"{precision}, {weights} matrices"
            + (f", {kv} keys and values" if kv else ""),
        }
        append("quality.csv", common, metrics)
    Console().print(table)


if __name__ == "__main__":
    main()
