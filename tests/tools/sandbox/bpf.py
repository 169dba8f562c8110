"""A small interpreter of classic BPF as seccomp runs it: the plain twin of the kernel's."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from gptoss.tools.sandbox.seccomp import Instruction


def run(program: Sequence[Instruction], number: int, audit: int, arguments: Sequence[int]) -> int:
    """The value that the filter returns for a call. Raises ValueError for a program that the kernel would not take."""
    words = [each & (1 << 64) - 1 for each in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, audit, 0, *words)
    accumulator, at = 0, 0
    while at < len(program):
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x20:
            if value % 4 or value > len(data) - 4:
                raise ValueError(f"load from {value}")
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return value
        elif code in (0x15, 0x25, 0x35, 0x45):
            is_true = {
                0x15: accumulator == value,
                0x25: accumulator > value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[code]
            at += if_true if is_true else if_false
        else:
            raise ValueError(f"instruction {code:#x}")
    raise ValueError("it ends without a return")
