"""Sandboxes on each rung of this machine: python -m benchmarks.tools [--rounds 20] [--sessions 64].

Start is from opening a session to its first answer; a turn is a cell in one that is warm. Memory is what sessions add
to this machine, in shares of pages that several have (PSS), with nothing imported in them. -> results/tools.csv
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.record import append, machine_name
from gptoss.tools.sandbox import Rung, RungName, Session, look_at

MIB = 1 << 20
TURNS_OF_A_ROUND = 50


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def started(rung: Rung) -> float:
    """Milliseconds until a new session has answered."""
    with Session(rung) as session:
        return milliseconds(lambda: session.run("1"))


def turns(rung: Rung, rounds: int) -> list[float]:
    """Milliseconds of cells in one session."""
    with Session(rung) as session:
        session.run("n = 0")
        return [
            milliseconds(lambda: session.run("n += 1\nn")) for _ in range(rounds * TURNS_OF_A_ROUND)
        ]


def imported(rung: Rung) -> float:
    """Milliseconds of the first import of NumPy."""
    with Session(rung) as session:
        session.start()
        return milliseconds(lambda: session.run("import numpy"))


def interrupted(rung: Rung) -> float:
    """Milliseconds from the end of its time to the answer of a cell that never ends."""
    with Session(rung) as session:
        session.start()
        return milliseconds(lambda: session.run("while True: pass", timeout_s=0.05)) - 50


def resident(pids: set[int]) -> int:
    """Bytes of memory that processes have, each page shared out among those that have it."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def offspring() -> set[int]:
    """All processes that descend from this one."""
    found: set[int] = set()
    waiting = [Path("/proc/self").resolve()]
    while waiting:
        for task in waiting.pop().glob("task/*/children"):
            children = [int(word) for word in task.read_text(encoding="ascii").split()]
            found.update(children)
            waiting += [Path(f"/proc/{pid}") for pid in children]
    return found


def memory_of(rung: Rung, sessions: int) -> int:
    """Bytes that so many sessions take at once, what starts them included."""
    with ExitStack() as stack:
        for _ in range(sessions):
            session = stack.enter_context(Session(rung))
            session.run("x = 1")
        return resident(offspring())


def measured(rung: Rung, rounds: int, sessions: int) -> dict[str, object]:
    starts = [started(rung) for _ in range(rounds)]
    each = turns(rung, rounds)
    few = max(3, rounds // 4)
    return {
        "start_median_ms": round(statistics.median(starts), 1),
        "start_min_ms": round(min(starts), 1),
        "turn_median_ms": round(statistics.median(each), 3),
        "turn_min_ms": round(min(each), 3),
        "import_numpy_median_ms": round(statistics.median(imported(rung) for _ in range(few)), 1),
        "interrupt_median_ms": round(statistics.median(interrupted(rung) for _ in range(few)), 2),
        "sessions": sessions,
        "sessions_mib": round(memory_of(rung, sessions) / MIB),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=64)
    options = parser.parse_args()
    metrics: dict[str, object] = {"rounds": options.rounds}
    for name in RungName:
        look = look_at(name)
        if look.problem:
            print(f"{name}: {look.problem}")
            continue
        found = measured(look.rung, options.rounds, options.sessions)
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in found.items()), flush=True)
        metrics |= {f"{name}_{key}": value for key, value in found.items()}
    append("tools.csv", {"isa": "", "threads": 1, "model": "", "precision": ""}, metrics)
    print(machine_name())
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
