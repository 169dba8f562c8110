"""A grammar compiled in a process of its own first, where neither its time nor its memory can hurt.

Intersections of regular expressions can take as much of both as two to the power of their number, and nothing inside
the compiler ends that. Run as a script, this file is that process: the grammar on its standard input, what is wrong
with it on its standard output.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_MAX_BYTES = 1 << 30
_MAX_CPU_S = 1
# Starting the process included, on a machine with much else to do.
_MAX_WALL_S = 10


def try_out(grammar: str) -> str:
    """What is wrong with a grammar; nothing if it compiles within a second and a gigabyte."""
    command = [sys.executable, str(Path(__file__).resolve())]
    too_much = "it takes too much time or memory to compile; use fewer patterns together"
    try:
        done = subprocess.run(
            command, input=grammar, capture_output=True, text=True, timeout=_MAX_WALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        return too_much
    return done.stdout.strip() if done.returncode == 0 else too_much


def _main() -> None:
    import resource

    from llguidance import LLMatcher, LLTokenizer

    resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_S, _MAX_CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    matcher = LLMatcher(LLTokenizer("byte"), sys.stdin.read(), log_level=0)
    if matcher.is_error():
        print(matcher.get_error())


if __name__ == "__main__":
    _main()
