"""The pools of one server, each for one kind of work: no kind waits for another."""

from __future__ import annotations

from gptoss.server.pool import FairPool


class Pools:
    """Threads beside the event loop's and the engine's.

    readers    parse and check large bodies
    prompts    read requests, make prompts, and begin turns
    compilers  compile grammars, and begin turns whose grammars are slow
    counters   cut whole texts into tokens, however long, and write these out
    stored     read kept responses
    files      read and write files of clients and of containers
    """

    def __init__(self) -> None:
        self.readers = _pool("read", "many large requests are being read", threads=2, waiting=64)
        self.prompts = _pool("prompt", "many prompts are being read", threads=2, waiting=128)
        self.compilers = _pool("compile", "many schemas are being compiled", threads=2, waiting=16)
        self.counters = _pool("count", "many texts are being counted", threads=1, waiting=32)
        self.stored = _pool("stored", "many kept responses are being read", threads=3, waiting=64)
        self.files = _pool("files", "many files are being read and written", threads=4, waiting=128)

    def close(self) -> None:
        """Let the threads end that have nothing to do."""
        for pool in vars(self).values():
            pool.close()


def _pool(name: str, busy: str, *, threads: int, waiting: int) -> FairPool:
    return FairPool(
        f"gptoss-{name}", threads=threads, most_waiting=waiting, busy=f"{busy}; try again later"
    )
