"""Runs a program as a process of its own would run it: with an input, threads that are waited for, and an end."""

from __future__ import annotations

import atexit
import builtins
import io
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def run(source: str, path: str) -> None:
    """Run it; its standard input is a file. Raises what it raises."""
    given = os.open(path, os.O_RDONLY)
    os.dup2(given, 0)
    os.close(given)
    read = io.BufferedReader(io.FileIO(0, closefd=False))
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(read, "utf-8")  # type: ignore[misc]
    # A pipe's buffer: a call of the system for each line would be slow.
    written = io.BufferedWriter(io.FileIO(1, "wb", closefd=False))
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(written, "utf-8")  # type: ignore[misc]
    builtins.input = _input
    os._exit = _exit
    sys.argv = ["program.py"]
    main = type(sys)("__main__")
    sys.modules["__main__"] = main
    try:
        exec(compile(source, "<cell program>", "exec"), main.__dict__)
    finally:
        for each in threading.enumerate():
            if each is not threading.current_thread() and not each.daemon:
                each.join()
        atexit._run_exitfuncs()
        sys.stdout.flush()


def _input(prompt: object = "") -> str:
    sys.stdout.write(str(prompt))
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")


def _exit(status: int = 0) -> NoReturn:
    # The process has to live on to be answered for.
    raise SystemExit(status)
