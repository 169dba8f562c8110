"""What is chosen on a machine, and that each choice can be made by hand."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from gptoss import kernels
from gptoss.errors import KernelError
from gptoss.kernels import machine, reference
from tests.choices import CHOICES, Choice


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (machine.ISA_VARIABLE, machine.BF16_PAIRS_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_what_is_chosen_by_itself_is_a_choice_that_tests_make() -> None:
    for isa in kernels.isas():
        assert Choice(isa, kernels.Backend(isa=isa, threads=1).bf16_pairs) in CHOICES
    assert kernels.Backend(threads=1).isa == kernels.isas()[-1]


def test_a_choice_is_what_the_backend_says(choice: Choice) -> None:
    backend = choice.backend()
    assert (backend.isa, backend.bf16_pairs) == (choice.isa, choice.bf16_pairs)
    wanted = np.uint16 if choice.bf16_pairs else np.float32
    assert backend.activation_dtype == wanted


@pytest.mark.parametrize("page_size", [16, 32, 64])
@pytest.mark.parametrize("head_dim", [16, 32, 48, 64])
def test_what_attention_rounds(choice: Choice, page_size: int, head_dim: int) -> None:
    """A query of 1 + 2^-10 meets a key of one: what is rounded to eight bits has lost the difference."""
    backend = choice.backend()
    floats = np.zeros((1, 2, 1, page_size * head_dim), np.float32)
    # Both positions' keys are ones in the first dimension, their values zero and one.
    floats[0, 0, 0, :2] = [0.0, 1.0]
    floats[0, 1, 0].reshape(page_size, head_dim)[1] = 1.0
    query = np.zeros((1, 1, head_dim), np.float32)
    found = {}
    for name, pages in (
        ("float32", floats),
        ("bfloat16", (floats.view(np.uint32) >> 16).astype(np.uint16)),
    ):
        outs = []
        for value in (1.0, 1.0 + 2.0**-10):
            query[0, 0, 0] = value
            out = np.empty((1, 1, head_dim), np.float32)
            backend.attention(
                query,
                pages,
                np.zeros((1, 1), np.int32),
                np.zeros(1, np.int32),
                np.ones(1, np.int64),
                np.full(1, -100, np.float32),
                out,
                window=0,
                scale=1.0,
            )
            outs.append(float(out[0, 0, 0]))
        found[name] = outs[0] == outs[1]
        assert found[name] == (backend.attention_dtype(pages, head_dim) == np.uint16)
    assert not found["float32"]
    assert found["bfloat16"] == (choice.bf16_pairs and page_size % 32 == 0 and head_dim % 32 == 0)
    whole = np.zeros((1, 2, 1, page_size * (head_dim + kernels.INT8_CACHE_SCALE_BYTES)), np.uint8)
    assert backend.attention_dtype(whole, head_dim) == np.int16


def test_the_twin_rounds_nothing() -> None:
    for dtype in (np.float32, np.uint16, np.uint8):
        pages = np.zeros((1, 2, 1, 32 * 64), dtype)
        assert reference.Backend().attention_dtype(pages, 64) == np.float32
    assert not reference.Backend(bf16_pairs=False).bf16_pairs
    with pytest.raises(KernelError, match="no bfloat16 in pairs"):
        reference.Backend(bf16_pairs=True)


def test_the_environment_names_an_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for isa in kernels.isas():
        monkeypatch.setenv("GPTOSS_ISA", isa)
        assert kernels.Backend(threads=1).isa == isa
    # An argument counts before it.
    assert kernels.Backend(isa="baseline", threads=1).isa == "baseline"


def test_unknown_instruction_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KernelError, match="this machine runs baseline"):
        kernels.Backend(isa="sse9")
    monkeypatch.setenv("GPTOSS_ISA", "nonsense")
    with pytest.raises(KernelError, match="nonsense"):
        kernels.Backend()


def test_the_environment_says_whether_there_are_pairs(
    monkeypatch: pytest.MonkeyPatch, choice: Choice
) -> None:
    monkeypatch.setenv("GPTOSS_BF16_PAIRS", "on" if choice.bf16_pairs else "off")
    assert kernels.Backend(isa=choice.isa, threads=1).bf16_pairs == choice.bf16_pairs
    # An argument counts before it.
    monkeypatch.setenv("GPTOSS_BF16_PAIRS", "off" if choice.bf16_pairs else "on")
    assert choice.backend().bf16_pairs == choice.bf16_pairs


def test_pairs_that_there_are_not_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KernelError, match="baseline, which has none"):
        kernels.Backend(isa="baseline", bf16_pairs=True)
    monkeypatch.setenv("GPTOSS_BF16_PAIRS", "on")
    with pytest.raises(KernelError, match="leave GPTOSS_BF16_PAIRS out"):
        kernels.Backend(isa="baseline")
    monkeypatch.setenv("GPTOSS_BF16_PAIRS", "true")
    with pytest.raises(KernelError, match="got 'true' in GPTOSS_BF16_PAIRS, wanted on or off"):
        kernels.Backend()


@pytest.mark.parametrize("cores", [1, 3, 64, 1024])
def test_all_cores_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert kernels.Backend().threads == cores == kernels.available_threads()
    # Where a system does not say what a process may use, the cores that there are; or one, where it says nothing.
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert kernels.available_threads() == cores
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert kernels.available_threads() == 1


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores"
)
def test_a_process_bound_to_one_core_has_one_thread() -> None:
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from gptoss import kernels; print(kernels.Backend().threads)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize("threads", [0, -1, 100_000])
def test_bad_thread_count_is_refused(threads: int) -> None:
    with pytest.raises(KernelError, match="wanted 1 to 1024"):
        kernels.Backend(threads=threads)
