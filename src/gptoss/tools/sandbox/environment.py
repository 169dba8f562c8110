"""The environment of the code: nothing of the host's, and what libraries need to be content with little."""

from __future__ import annotations

# Each thread of these would reserve address space, of which there is little, and they cannot be seen by the scheduler.
_ONE_THREAD = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"),
)


def environment(scratch: str) -> dict[str, str]:
    """Variables by name; `scratch` is the folder for what nobody is to see."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": f"{scratch}/matplotlib",
        # The allocator's arenas reserve 64 MiB for each thread otherwise.
        "MALLOC_ARENA_MAX": "2",
        **dict.fromkeys(_ONE_THREAD, "1"),
    }
