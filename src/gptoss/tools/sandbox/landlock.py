"""Landlock: which rights on files a process keeps, in each version of the kernel's interface.

Source: include/uapi/linux/landlock.h. A ruleset handles every right that the version knows, so that what no rule grants
is refused.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from typing import Any

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << n for n in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (
    1 << n for n in range(6, 13)
)
REFER, TRUNCATE, IOCTL_DEV = (1 << n for n in range(13, 16))
# Of the first version; REFER came with 2, TRUNCATE with 3, IOCTL_DEV with 5.
_FIRST = (1 << 13) - 1
_SINCE = ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV))
# Binding and connecting TCP since 4; abstract sockets and signals since 6.
_NET, _NET_SINCE = 0b11, 4
_SCOPED, _SCOPED_SINCE = 0b11, 6
# Since 7: what is refused is not written to the system's log, which the code inside could fill.
_QUIET, _QUIET_SINCE = 1, 7
NEWEST = 7

READ = EXECUTE | READ_FILE | READ_DIR
# Neither links, sockets nor devices: regular files and folders are all that is made here.
WRITE = READ_FILE | READ_DIR | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG
WRITE |= REFER | TRUNCATE
# What a rule on something other than a folder may grant.
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

_CREATE_RULESET, _VERSION = 444, 1


def version() -> int:
    """The version that this kernel has; 0 where it has no Landlock, or it is switched off."""
    if sys.platform != "linux":
        # The number means another call there.
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def handled(abi: int) -> tuple[int, int, int]:
    """Rights on files, on the network and beyond the process that a ruleset of a version handles."""
    files = _FIRST
    for since, right in _SINCE:
        files |= right if abi >= since else 0
    return files, _NET if abi >= _NET_SINCE else 0, _SCOPED if abi >= _SCOPED_SINCE else 0


def ruleset(abi: int, readable: Iterable[str], writable: Iterable[str]) -> dict[str, Any]:
    """A ruleset for the code inside to put on: what is handled, and what is granted beneath each path that there is."""
    files, net, scoped = handled(abi)
    rules = []
    for paths, rights in ((readable, READ), (writable, WRITE)):
        for path in paths:
            granted = rights & files
            if not os.path.isdir(path):
                granted &= OF_FILES
            rules.append([path, granted])
    return {
        # Older kernels know the first of these alone, or the first two.
        "handled": [files, net, scoped][
            : 1 if abi < _NET_SINCE else 2 if abi < _SCOPED_SINCE else 3
        ],
        "flags": _QUIET if abi >= _QUIET_SINCE else 0,
        "rules": rules,
    }
