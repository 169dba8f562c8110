"""What this machine can run, and what of it is used: as told, else as the environment says, else what is fastest.

Nothing that a result or a test depends on is decided by the processor alone: each choice here can be made by hand.
"""

from __future__ import annotations

import os

from gptoss.errors import KernelError
from gptoss.kernels import _kernels, control_group

ISA_VARIABLE = "GPTOSS_ISA"
BF16_PAIRS_VARIABLE = "GPTOSS_BF16_PAIRS"
_SWITCH = {"on": True, "off": False}


def isas() -> tuple[str, ...]:
    """Instruction sets that this machine can run, slowest first."""
    return tuple(_kernels.isas())


def bf16_pairs(isa: str) -> tuple[bool, ...]:
    """The choices there are of `bf16_pairs` with an instruction set: False, and True where it has such products."""
    return (False, True) if _kernels.has_bf16_pairs(isa) else (False,)


def available_threads() -> int:
    """Cores that this process may run on, and that a quota of its control groups keeps busy."""
    has_affinity = hasattr(os, "sched_getaffinity")
    count = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return min(count, control_group.cores() or count)


def choose_isa(isa: str | None) -> str:
    """The instruction set to use. Raises KernelError for one that this machine cannot run."""
    name = isa or os.environ.get(ISA_VARIABLE) or isas()[-1]
    if name not in isas():
        raise KernelError(
            f"instruction set {name!r} cannot run here; this machine runs {', '.join(isas())}: "
            f"choose one of these, or leave --isa and {ISA_VARIABLE} out"
        )
    return name


def choose_bf16_pairs(isa: str, wanted: bool | None) -> bool | None:
    """Whether bfloat16 is multiplied in pairs; None: where that is faster.

    Raises KernelError for a variable that is neither `on` nor `off`, and for pairs that the instruction set lacks.
    """
    named = os.environ.get(BF16_PAIRS_VARIABLE) or None
    if wanted is None and named is not None:
        if named not in _SWITCH:
            raise KernelError(
                f"got {named!r} in {BF16_PAIRS_VARIABLE}, wanted on or off: name one of them, or leave it out for "
                "the faster"
            )
        wanted = _SWITCH[named]
    if wanted and wanted not in bf16_pairs(isa):
        raise KernelError(
            f"got pairs of bfloat16 with the instruction set {isa}, which has none: leave {BF16_PAIRS_VARIABLE} out, "
            "or choose an instruction set that has them"
        )
    return wanted


def choose_threads(threads: int | None) -> int:
    """Threads to use, the caller's included. Raises KernelError for a number that no machine runs."""
    count = available_threads() if threads is None else threads
    if not 1 <= count <= 1024:
        raise KernelError(f"got {count} threads; wanted 1 to 1024: leave --threads out for all")
    return count
