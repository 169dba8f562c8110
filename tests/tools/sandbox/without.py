"""Runs a command on a kernel that lacks parts: python -m tests.tools.sandbox.without landlock,namespaces COMMAND

A filter answers as such a kernel would, for the command and all that it starts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys

from gptoss.tools.sandbox.seccomp import (
    ALLOW,
    ERRNO,
    JUMP_EQUAL,
    JUMP_SET,
    LOAD,
    RETURN,
    Instruction,
    assembled,
)
from gptoss.tools.sandbox.syscalls import ARCHITECTURES, number_of

_NAMESPACES = 0x7E020000
_SECCOMP = {"x86_64": 317, "aarch64": 277}


def lacking(parts: set[str]) -> list[Instruction]:
    architecture = ARCHITECTURES[platform.machine()]
    made = [Instruction(LOAD, 0, 0, 0)]

    def refuse(number: int | None, error: int) -> None:
        if number is not None:
            made.append(Instruction(JUMP_EQUAL, 0, 1, number))
            made.append(Instruction(RETURN, 0, 0, ERRNO | error))

    if "landlock" in parts:
        refuse(444, errno.ENOSYS)
    if "namespaces" in parts:
        # As in a container: flags decide, and clone3 is not there, whose flags a filter cannot see.
        refuse(number_of("clone3", architecture), errno.ENOSYS)
        refuse(number_of("mount", architecture), errno.EPERM)
        refuse(number_of("unshare", architecture), errno.EPERM)
        clone = number_of("clone", architecture)
        assert clone is not None
        made += [
            Instruction(JUMP_EQUAL, 0, 3, clone),
            Instruction(LOAD, 0, 0, 16),
            Instruction(JUMP_SET, 0, 1, _NAMESPACES),
            Instruction(RETURN, 0, 0, ERRNO | errno.EPERM),
        ]
    return [*made, Instruction(RETURN, 0, 0, ALLOW)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main() -> None:
    code = assembled(lacking(set(sys.argv[1].split(","))))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    program = _Program(len(code) // 8, code)
    number = ctypes.c_long(_SECCOMP[platform.machine()])
    assert libc.syscall(number, 1, 0, ctypes.byref(program)) == 0
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
