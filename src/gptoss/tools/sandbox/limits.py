"""How much a sandbox may take, of everything."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.arguments import require_type
from gptoss.errors import RequestError

MIB = 1 << 20
# Below, the interpreter does not start.
_LEAST_MEMORY = 128 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one sandbox.

    wall_s         of a cell, by the clock; 120 s are what the model was told
    grace_s        from the interrupt that follows to the end of the process
    cpu_s          of the process, over all of its cells
    memory_bytes   address space of the process, which has no children
    file_bytes     the largest file
    data_bytes     all of `/mnt/data`
    scratch_bytes  all of `/tmp`
    num_files      files and folders in each of the two
    open_files     descriptors
    num_threads    of the process; with stacks of the usual size, memory ends before
    output_bytes   what is kept of each stream of a cell: its beginning and its end
    written_bytes  what a cell may print before it is ended
    num_images     pictures of a cell
    image_bytes    the largest picture
    """

    wall_s: float = 120.0
    grace_s: float = 2.0
    cpu_s: int = 3600
    memory_bytes: int = 2048 * MIB
    file_bytes: int = 128 * MIB
    data_bytes: int = 128 * MIB
    scratch_bytes: int = 64 * MIB
    num_files: int = 4096
    open_files: int = 128
    num_threads: int = 512
    output_bytes: int = MIB
    written_bytes: int = 64 * MIB
    num_images: int = 8
    image_bytes: int = 2 * MIB

    def __post_init__(self) -> None:
        """Raises RequestError for what is no positive number."""
        for name in self.__slots__:
            value = getattr(self, name)
            require_type(name, value, *((int, float) if name in ("wall_s", "grace_s") else (int,)))
            if not 0 < value < 1 << 62:
                raise RequestError(f"got {value} as {name}, wanted a number above 0")
        if self.memory_bytes < _LEAST_MEMORY:
            raise RequestError(
                f"got {self.memory_bytes:,} bytes of memory for a sandbox, wanted {_LEAST_MEMORY:,} or more"
            )
