"""A program that ends with a model in its hands leaves nothing of the kernels behind, and no word of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENDINGS = {
    "never used": "",
    "used and left open": "list(model.submit([1, 2, 3], greedy, max_tokens=2))",
    "in the middle of an answer": "answer = iter(model.submit([1, 2, 3], greedy, max_tokens=200)); next(answer)",
    "held in a cycle": "model.again = model; list(model.submit([1, 2], greedy, max_tokens=1))",
    "held by an error": "\ntry: model.submit([10**9], greedy)\nexcept Exception as error: sys.last_value = error",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_nothing_is_left_behind(ending: str) -> None:
    program = (
        "import sys, gptoss; from gptoss.engine import SamplingParams\n"
        "from gptoss.kernels import _kernels; _kernels.report_leaks(True)\n"
        "model, greedy = gptoss.load('nano', threads=2), SamplingParams(temperature=0)\n" + ending
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
