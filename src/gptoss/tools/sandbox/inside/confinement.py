"""Gives up what the code may not have: another identity, resources, files and system calls. The host has decided which.

Each step that fails raises, and nothing of the model's is run then.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SET_DEATH_SIGNAL, _SET_NO_NEW_PRIVILEGES, _KILL = 1, 38, 9
# System calls whose numbers all architectures share, and x86-64's own of seccomp.
_ADD_RULE, _RESTRICT, _CREATE_RULESET = 445, 446, 444
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_FILTER, _ALL_THREADS = 1, 1
_BENEATH = 1


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class _Rule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def confine(plan: dict[str, Any]) -> None:
    """Carry a plan out, in the one order in which each step can still be done."""
    if os.getpid() != plan["pid"]:
        raise RuntimeError(
            f"this is process {os.getpid()}, and the filter was made for {plan['pid']}"
        )
    libc = ctypes.CDLL(None, use_errno=True)
    # Opened while everything can be: what is granted is found by descriptor from here on.
    rules = None if plan["landlock"] is None else _ruleset(libc, plan["landlock"])
    held = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in plan["unreachable"]]
    if plan["user"] is not None:
        _become(plan["user"])
    # After the identity, whose change takes the signal back.
    _call(libc.prctl, _SET_DEATH_SIGNAL, _KILL, 0, 0, 0)
    if plan["parent"] is not None and os.getppid() != plan["parent"]:
        raise RuntimeError("the host ended meanwhile")
    _find_again(held)
    plan["readable"] += [f"/proc/self/fd/{descriptor}" for _, descriptor in held]
    for kind, soft, hard in plan["limits"]:
        resource.setrlimit(kind, (soft, hard))
    _call(libc.prctl, _SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if rules is not None:
        _call(libc.syscall, _RESTRICT, rules, plan["landlock"]["flags"])
        os.close(rules)
    program = bytes.fromhex(plan["filter"])
    given = _Filter(len(program) // 8, program)
    number = _SECCOMP[os.uname().machine]
    _call(libc.syscall, number, _SET_FILTER, _ALL_THREADS, ctypes.byref(given))


def _become(user: int) -> None:
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError as error:
        raise RuntimeError(
            f"root cannot become nobody ({error.strerror}): run as another user, or with CAP_SETUID and CAP_SETGID"
        ) from None


def _ruleset(libc: ctypes.CDLL, landlock: dict[str, Any]) -> int:
    """A descriptor of the ruleset, with a rule for each path."""
    handled = (ctypes.c_uint64 * len(landlock["handled"]))(*landlock["handled"])
    size = ctypes.c_size_t(ctypes.sizeof(handled))
    rules = _call(libc.syscall, _CREATE_RULESET, ctypes.byref(handled), size, 0)
    for path, rights in landlock["rules"]:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = _Rule(rights, folder)
            _call(libc.syscall, _ADD_RULE, rules, _BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(folder)
    return rules


def _find_again(held: list[tuple[str, int]]) -> None:
    """Have modules found through descriptors of folders that only another user could walk to."""

    def moved(path: str) -> str:
        for folder, descriptor in held:
            if path == folder or path.startswith(f"{folder}/"):
                return f"/proc/self/fd/{descriptor}{path[len(folder) :]}"
        return path

    if not held:
        return
    sys.path[:] = [moved(path) for path in sys.path]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        if hasattr(module, "__path__"):
            module.__path__ = [moved(path) for path in module.__path__]


def _call(function: Any, *arguments: Any) -> int:
    """The result of a call of the C library. Raises OSError."""
    # As long as registers are: a plain int would leave the upper half to chance.
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(function(*given))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
