"""Compares llama.cpp on exported GGUF files with ours: python -m benchmarks.peers.exported --llama-python PYTHON.

PYTHON is that of an environment with llama-cpp-python (benchmarks/README.md says how). Nano, and a random model with
the 20B's vocabulary, are exported. Held against ours: the ids of some thousand texts, by llama.cpp's reading of the
vocabulary alone, and the logits. Both programs round what they multiply, each in its own way; the errors of both are
taken from our logits in float32.

Two differences are llama.cpp's own, and are told apart. It rounds where YaRN's ramp begins and ends, which the released
model does not, so its logits are also held against ours with such a ramp. And after a combining mark it splits texts
otherwise than o200k's pattern says. The exit status is 1 where another id differs, or llama.cpp's error with its own
ramp is more than twice ours.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.record import append, machine_name
from gptoss import kernels, nano
from gptoss.export.exporting import Export
from gptoss.export.forms import Form
from gptoss.kernels import Float32
from gptoss.model import rope
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import RopeConfig
from gptoss.model.layouts import PACKED
from gptoss.runtime import load
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.tokenizer_json import tokenizer_json
from gptoss.tokenizer.vocabulary import Vocabulary
from tests import o200k
from tests.model.random_model import SMALL, RandomModel

NUM_TOKENS = 96
NUM_RANDOM_TEXTS = 2000
# A letter, mark, number or sign of many scripts, by the ranges that hold few unassigned ones.
RANGES = (
    (0x20, 0x7E),
    (0xA1, 0x17F),
    (0x391, 0x3C9),
    (0x410, 0x44F),
    (0x5D0, 0x5EA),
    (0x627, 0x64A),
    (0x905, 0x939),
    (0x300, 0x36F),
    (0x3041, 0x3096),
    (0x4E00, 0x9FA5),
    (0xAC00, 0xD7A3),
    (0x1F600, 0x1F64F),
)


class Llama:
    """llama.cpp with one file, in a process of its own."""

    def __init__(self, python: str, file: Path) -> None:
        script = Path(__file__).with_name("llama_reader.py")
        self._process = subprocess.Popen(
            [python, str(script), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ids(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self._ask({"texts": texts})
        return found

    def logits(self, ids: list[int], folder: Path) -> Float32:
        found: Float32 = np.load(self._ask({"ids": ids, "file": str(folder / "logits.npy")}))
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("llama.cpp ended early; run benchmarks/peers/llama_reader.py by hand")
        return json.loads(line)


def texts() -> Iterator[str]:
    """Paragraphs of the guides, lines of the sources, and random ones in many scripts.

    Without what spells a special token: llama.cpp takes some of those for the token, whatever it is told.
    """
    for path in sorted(Path().glob("docs/**/*.md")):
        yield from path.read_text("utf-8").replace("<|", "< |").split("\n\n")
    for path in sorted(Path("src/gptoss/harmony").glob("*.py")):
        yield from path.read_text("utf-8").replace("<|", "< |").splitlines(keepends=True)
    source = random.Random(0)
    pieces = (" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "12345", "½", "/", "...", "\u00a0")
    for _ in range(NUM_RANDOM_TEXTS):
        parts = [
            source.choice(pieces) if source.random() < 0.3 else chr(source.randint(*span))
            for span in source.choices(RANGES, k=source.randint(1, 60))
        ]
        yield "".join(parts)


def random_folder(folder: Path) -> Path:
    """A random model with the vocabulary of the 20B."""
    config = replace(
        SMALL,
        vocab_size=o200k.VOCAB_SIZE,
        hidden_size=128,
        intermediate_size=128,
        num_experts=8,
        head_dim=64,
        eos_token_ids=(200002, 199999, 200012),
    )
    RandomModel.of(config, 0).write(folder, PACKED)
    vocabulary = Vocabulary(o200k.ranks(), o200k.specials(), o200k.PATTERN)
    (folder / "tokenizer.json").write_bytes(tokenizer_json(vocabulary))
    return folder


def errors(found: Float32, exact: Float32) -> Float32:
    """Return each token's root mean square error of logits, in standard deviations of them."""
    deviation = exact.std(axis=-1)
    error: Float32 = np.sqrt(((found - exact) ** 2).mean(axis=-1)) / deviation
    return error


def rounded_ramp(config: RopeConfig, head_dim: int) -> NDArray[np.float64]:
    """`gptoss.model.rope.inverse_frequencies` as llama.cpp has them: the ramp from a whole pair to a whole pair."""
    pairs = np.arange(head_dim // 2, dtype=np.float64)
    unscaled = config.theta ** (-2 * pairs / head_dim)
    turns = [
        head_dim
        * math.log(config.original_context / (beta * 2 * math.pi))
        / (2 * math.log(config.theta))
        for beta in (config.beta_fast, config.beta_slow)
    ]
    low, high = max(math.floor(turns[0]), 0), min(math.ceil(turns[1]), head_dim - 1)
    slowed = np.clip((pairs - low) / max(high - low, 0.001), 0, 1)
    return unscaled * (1 - slowed) + unscaled / config.factor * slowed


def compare_ids(llama: Llama, tokenizer: Tokenizer) -> dict[str, float]:
    """How many texts have other ids, with and without combining marks."""
    asked = list(texts())
    metrics: dict[str, float] = dict.fromkeys(
        ("texts", "texts_with_other_ids", "marked_texts", "marked_texts_with_other_ids"), 0
    )
    for text, ids in zip(asked, llama.ids(asked), strict=True):
        has_mark = any(unicodedata.category(character).startswith("M") for character in text)
        kind = "marked_texts" if has_mark else "texts"
        metrics[kind] += 1
        metrics[f"{kind}_with_other_ids"] += tokenizer.encode(text) != ids
    return metrics


def compare(folder: Path, llama_python: str, room: Path) -> dict[str, float]:
    """All figures of one model."""
    file = room / "model.gguf"
    Export.plan(folder.name, open_checkpoint(folder), file, Form.GGUF).write()
    llama = Llama(llama_python, file)
    model = load(folder, precision="float32")
    metrics = compare_ids(llama, model.tokenizer)
    # Text, since nano's experts learned from texts.
    prompt = model.tokenizer.encode(Path("README.md").read_text("utf-8"))[:NUM_TOKENS]
    exact = model.logits(prompt)
    with patch.object(rope, "inverse_frequencies", rounded_ramp):
        ramped = load(folder, precision="float32").logits(prompt)
    theirs = llama.logits(prompt, room)
    llama.close()
    found = {"llama_cpp": (theirs, exact), "llama_cpp_own_ramp": (theirs, ramped)}
    for precision in ("int8", "bf16"):
        # The very file that llama.cpp read.
        found[f"gptoss_{precision}"] = (load(file, precision=precision).logits(prompt), exact)
    for name, (logits, wanted) in found.items():
        error = errors(logits, wanted)
        metrics[f"{name}_error_median"] = round(float(np.median(error)), 5)
        metrics[f"{name}_error_worst"] = round(float(error.max()), 5)
        same = (logits.argmax(axis=-1) == wanted.argmax(axis=-1)).mean()
        metrics[f"{name}_same_choice"] = round(float(same), 4)
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llama-python", required=True)
    options = parser.parse_args()
    is_right = True
    table = Table("model", "metric", "value", title=machine_name())
    for name in ("nano", "random, o200k"):
        with tempfile.TemporaryDirectory() as folder:
            room = Path(folder)
            model = nano.checkpoint_path() if name == "nano" else random_folder(room / "model")
            metrics = compare(model, options.llama_python, room)
        common = {"isa": kernels.isas()[-1], "threads": kernels.available_threads(), "model": name}
        append("exported.csv", common, metrics)
        for metric, value in metrics.items():
            table.add_row(name, metric, f"{value:g}")
        is_right &= not metrics["texts_with_other_ids"]
        is_right &= (
            metrics["llama_cpp_own_ramp_error_median"] <= 2 * metrics["gptoss_int8_error_median"]
        )
    Console().print(table)
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
