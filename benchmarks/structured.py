"""Schemas over the real vocabulary: python -m benchmarks.structured [--xgrammar-python PYTHON].

Compile time of a turn with each schema, time of each mask along a random walk and of applying it to logits, memory;
and, by turns with it, what xgrammar takes for the same schemas and the same texts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import append, machine_name
from gptoss.structured import Answer, AnswerKind, CompiledTurn, TurnCompiler, TurnRules
from gptoss.structured.token_mask import TokenMask
from tests import o200k
from tests.structured.forms import Schema, made_schema
from tests.structured.schemas import CASES
from tests.structured.walks import take_walk

NUM_FORMS = 300
NUM_PLAIN_TOKENS = 300
MAX_TOKENS = 200
_MIB = 1024


class Ours:
    """One compiler for all, as a server has it."""

    def __init__(self) -> None:
        self.tokenizer = o200k.tokenizer()
        before = _resident()
        began = time.perf_counter()
        self.turns = TurnCompiler(self.tokenizer)
        self.turns.warm()
        self.index_s = time.perf_counter() - began
        self.index_mib = (_resident() - before) / _MIB
        self.compile_s: list[float] = []
        self.begin_s: list[float] = []
        self.mask_s: list[float] = []
        self.apply_s: list[float] = []
        self.num_forced = 0

    def run(self, schema: Schema, seed: int) -> tuple[list[int], list[float]]:
        """The token ids of a random answer, and the seconds of the mask before each."""
        rules = TurnRules(answer=Answer(AnswerKind.JSON_SCHEMA, schema), reasons=False)
        began = time.perf_counter()
        compiled = self.turns.compile(rules)
        middle = time.perf_counter()
        constraint = self.turns.constraint(compiled, 0)
        self.compile_s.append(middle - began)
        self.begin_s.append(time.perf_counter() - middle)
        rng = np.random.default_rng(seed)
        walk = take_walk(constraint, self.tokenizer, rng, max_tokens=MAX_TOKENS)
        self.num_forced += walk.num_forced
        return self._time(compiled, walk.token_ids)

    def _time(self, compiled: CompiledTurn, token_ids: list[int]) -> tuple[list[int], list[float]]:
        own = self.turns._matcher(compiled.grammar or "")
        mask, logits = TokenMask(self.tokenizer.vocab_size), np.zeros(201_088, np.float32)
        seconds = []
        for token_id in token_ids:
            began = time.perf_counter()
            mask.fill(own)
            middle = time.perf_counter()
            mask.apply(logits)
            self.apply_s.append(time.perf_counter() - middle)
            seconds.append(middle - began)
            began = time.perf_counter()
            own.consume_token(token_id)
            seconds[-1] += time.perf_counter() - began
        self.mask_s += seconds
        start = token_ids.index(self.tokenizer.special_id("<|message|>")) + 1
        return token_ids[start:], seconds[start:]

    def plain_turn_s(self) -> float:
        """A token of a turn without tools and schema: mask, and asking what is forced."""
        constraint = self.turns.constraint(self.turns.compile(TurnRules(reasons=False)), 0)
        logits = np.zeros(201_088, np.float32)
        ids = list(constraint.forced([]))
        began = time.perf_counter()
        for _ in range(NUM_PLAIN_TOKENS):
            constraint(ids, logits)
            ids.append(70)
            constraint.forced(ids)
        return (time.perf_counter() - began) / NUM_PLAIN_TOKENS


class Xgrammar:
    """Its worker, in a Python of its own."""

    def __init__(self, python: str, pieces: Sequence[bytes]) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write("\n".join(piece.hex() for piece in pieces))
        worker = Path(__file__).parent / "peers" / "xgrammar_worker.py"
        self._process = subprocess.Popen(
            [python, str(worker), file.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.version = self._answer()["version"]
        Path(file.name).unlink()
        self.compile_s: list[float] = []
        self.mask_s: list[float] = []
        self.our_mask_s: list[float] = []
        self.num_refused = self.num_other = 0

    def run(self, schema: Schema, token_ids: list[int], our_mask_s: list[float]) -> None:
        """Time the same text; positions up to where it accepts no more."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"schema": schema, "token_ids": token_ids}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            self.num_refused += 1
            return
        num = answer["accepted"]
        self.num_other += num < len(token_ids) - 1
        self.compile_s.append(answer["compile_s"])
        self.mask_s += answer["masks_s"][:num]
        self.our_mask_s += our_mask_s[:num]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("xgrammar's worker ended early; run it by hand to see why")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xgrammar-python", help="a Python that has xgrammar")
    options = parser.parse_args()
    ours = Ours()
    other = None
    if options.xgrammar_python:
        other = Xgrammar(options.xgrammar_python, ours.tokenizer.pieces())
    schemas = [case.schema for case in CASES] + [made_schema(index) for index in range(NUM_FORMS)]
    before = _resident()
    for seed, schema in enumerate(schemas):
        token_ids, mask_s = ours.run(schema, seed)
        if other is not None:
            other.run(schema, token_ids, mask_s)
    metrics: dict[str, object] = {
        "index_s": round(ours.index_s, 3),
        "index_mib": round(ours.index_mib),
        "schemas_mib": round((_resident() - before) / _MIB),
        "forced_share": round(ours.num_forced / len(ours.mask_s), 3),
        "plain_turn_us": round(1e6 * ours.plain_turn_s(), 1),
        **_summary("compile", ours.compile_s),
        **_summary("begin", ours.begin_s),
        **_summary("mask", ours.mask_s),
        **_summary("apply", ours.apply_s),
    }
    if other is not None:
        other.close()
        metrics |= {
            "xgrammar_refused": other.num_refused,
            "xgrammar_other_text": other.num_other,
            **_summary("xgrammar_compile", other.compile_s),
            **_summary("xgrammar_mask", other.mask_s),
            **_summary("same_mask", other.our_mask_s),
        }
    model = "o200k" if other is None else f"o200k, xgrammar {other.version}"
    common = {"isa": "", "threads": 1, "model": model, "precision": ""}
    append("structured.csv", common, metrics)
    print(machine_name())
    for name, value in metrics.items():
        print(f"{name:28} {value}")
    print(json.dumps(metrics))


def _summary(name: str, seconds: list[float]) -> dict[str, object]:
    values = 1e6 * np.asarray(seconds)
    return {
        f"{name}_mean_us": round(float(np.mean(values)), 1),
        f"{name}_p99_us": round(float(np.percentile(values, 99)), 1),
        f"{name}_max_us": round(float(np.max(values)), 1),
    }


def _resident() -> int:
    """The most that was resident so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
