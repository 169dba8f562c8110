"""The server of a soak: python -m benchmarks.soak_server STORE KEEP_S PING_S SPEEDUP.

All of `gptoss serve` but its options, which do not say how long responses are kept and how soon a stream says that it
is alive.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import gptoss
from gptoss.server.run import run
from gptoss.server.settings import ServerSettings
from gptoss.server.transport.limits import ConnectionLimits
from gptoss.structured import trial


def main() -> None:
    store = Path(sys.argv[1])
    keep_s, ping_s, speedup = map(float, sys.argv[2:])
    # These wait for a process that computes, which a faster clock does not make any faster.
    trial._MAX_WAIT_S *= speedup
    trial._MAX_START_S *= speedup
    # And these for clients, whose clock is the common one.
    limits = ConnectionLimits()
    limits = replace(
        limits,
        head_s=limits.head_s * speedup,
        write_s=limits.write_s * speedup,
        linger_s=limits.linger_s * speedup,
    )
    settings = ServerSettings(
        port=0, store=store, store_s=keep_s, ping_s=ping_s, connections=limits
    )
    run(settings, lambda: gptoss.load("nano"), log_level="error")


if __name__ == "__main__":
    main()
