"""Grammars compiled in a process of its own first, where neither their time, nor their memory, nor a crash can hurt.

Some schemas take the compiler minutes or gigabytes, or overflow its stack, and nothing inside it ends that. Run as a
script, this file is that process: a grammar on each line of its standard input, as a JSON text, and for each a line of
JSON on its standard output with what is wrong with it, and the processor's time that it took to find out.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# Of the processor's time: a machine with much else to do must not make a grammar too large.
MAX_SECONDS = 1.0
# For the process, while others have their grammars tried, and for its answer.
_MAX_WAIT_S = 15.0
# Starting the process, on a machine with much else to do.
_MAX_START_S = 20.0
_MAX_BYTES = 1 << 30
# Less than the threads of the program have, where the same is compiled again.
_STACK_BYTES = 2 << 20

TOO_MUCH = (
    f"it takes more than {MAX_SECONDS:.0f} s or {_MAX_BYTES >> 30} GiB to compile, or more than the compiler can take; "
    "use fewer or simpler parts"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is wrong with a grammar, or None if it compiles within its time and memory; and the processor's time."""

    error: str | None
    seconds: float


class Trial:
    """The process; started when it is first needed, and again after a grammar that it did not survive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, grammar: str) -> Outcome:
        """Compile a grammar. Raises TimeoutError where the machine has no time for it."""
        if not self._lock.acquire(timeout=_MAX_WAIT_S):
            raise TimeoutError
        try:
            answer = self._answer(self._started(), grammar)
        finally:
            self._lock.release()
        if answer is None:
            return Outcome(TOO_MUCH, MAX_SECONDS)
        error, seconds = json.loads(answer)
        return Outcome(None if error is None else str(error), float(seconds))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _answer(self, process: subprocess.Popen[bytes], grammar: str) -> bytes | None:
        """None from a process that did not survive."""
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(grammar).encode() + b"\n")
            process.stdin.flush()
            answer = _line(process, _MAX_WAIT_S)
        except TimeoutError:
            self._end()
            raise
        except OSError:
            answer = None
        if answer is None:
            self._end()
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            _line(self._process, _MAX_START_S)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def __del__(self) -> None:
        self._end()


def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """A line of its output; None if it has ended. Raises TimeoutError if neither happens in time."""
    assert process.stdout is not None
    latest = time.monotonic() + seconds
    found = b""
    while not found.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, latest - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(process.stdout.fileno(), 1 << 16)
        if not part:
            return None
        found += part
    return found


def _main() -> None:
    import resource

    from llguidance import LLMatcher, LLTokenizer

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    tokenizer = LLTokenizer("byte")
    print(flush=True)
    for line in sys.stdin:
        began = time.process_time()
        # Its signal ends the process, whatever the compiler is at.
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        try:
            matcher = LLMatcher(tokenizer, json.loads(line), log_level=0)
            if not matcher.is_error():
                matcher.compute_bitmask()
            error = matcher.get_error() or None
        except BaseException as failure:
            # A panic of the compiler's is no Exception.
            error = str(failure)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps([error, time.process_time() - began]), flush=True)


if __name__ == "__main__":
    threading.stack_size(_STACK_BYTES)
    worker = threading.Thread(target=_main)
    worker.start()
    worker.join()
