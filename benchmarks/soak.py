"""The server for a day: python -m benchmarks.soak [--hours 24] [--speedup 16] [--requests 43200].

Clients of every kind (see soak_clients) ask one server with the embedded model, in all so many requests over so
many hours. With a speedup, the hours are those of the server's own clock (see fast_clock.c): its timers, the time that
responses are kept and what it tells clients run so much faster, while computing takes what it takes, and has the real
time for it. `--speedup 1` is real time.

Every request must end as its kind demands, and memory must not grow: its slope is that of a line through what was
sampled after the first quarter. Ctrl-C ends early, with what there is.

-> results/soak.csv, and the curve in results/soak_curve.csv and results/soak.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

import gptoss
from benchmarks.load import Server
from benchmarks.record import RESULTS, append, machine_name
from benchmarks.soak_clients import KINDS
from benchmarks.soak_traffic import Traffic

CURVE, PLOT = RESULTS / "soak_curve.csv", RESULTS / "soak.svg"
CLOCK_SOURCE = Path(__file__).parent / "fast_clock.c"
SERVER = (sys.executable, "-m", "benchmarks.soak_server")
# Of the server's clock: a quarter of a day, so that most responses grow too old; and the server's own limits.
KEEP_S, PING_S, BODY_S, IDLE_S = 6 * 3600.0, 2.0, 30.0, 30.0
NUM_SAMPLES = 720
MOST_CLIENTS = 24
# Now and then many come at once.
BURST_SHARE, BURST = 0.004, 20
NUM_BLOCKS = 12
COLUMNS = (
    "server_hours",
    "real_s",
    "requests",
    "lost",
    "rss_kib",
    "anonymous_kib",
    "threads",
    "descriptors",
    "processor_s",
    "running",
    "waiting",
    "cache_usage",
    "store_kib",
)
Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how fast and how many."""

    hours: float
    speedup: float
    requests: int

    @property
    def real_s(self) -> float:
        """Seconds that it takes."""
        return self.hours * 3600 / self.speedup

    @property
    def keep_s(self) -> float:
        """Seconds of the server's clock for which responses are kept; some grow too old in short runs as well."""
        return min(KEEP_S, self.hours * 3600 / 4)


@contextlib.contextmanager
def clock(speedup: float, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a process whose clock runs faster."""
    if speedup == 1:
        yield {}
        return
    library = folder / "fast_clock.so"
    flags = ["-O2", "-shared", "-fPIC", "-o", str(library), str(CLOCK_SOURCE), "-ldl"]
    subprocess.run([shutil.which("cc") or "gcc", *flags], check=True)
    yield {"LD_PRELOAD": str(library), "FAST_CLOCK": str(speedup)}


class Sampler:
    """What the server has and does, written down as it is found."""

    def __init__(self, server: Server, traffic: Traffic, plan: Plan, store: Path) -> None:
        self._server, self._traffic, self._plan, self._store = server, traffic, plan, store
        self._began = time.monotonic()
        self.rows: list[Row] = []
        RESULTS.mkdir(exist_ok=True)
        self._file = CURVE.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, COLUMNS, lineterminator="\n")
        self._writer.writeheader()

    async def sample(self) -> Row:
        """One row more."""
        reply = await self._traffic.http.get("/metrics")
        lines = [line.rsplit(" ", 1) for line in reply.text.splitlines() if line[:1] != "#"]
        gauges = dict(lines)
        real_s = time.monotonic() - self._began
        process = Path(f"/proc/{self._server.pid}")
        ticks = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        row: Row = {
            "server_hours": round(real_s * self._plan.speedup / 3600, 4),
            "real_s": round(real_s, 1),
            "requests": self._traffic.requests,
            "lost": len(self._traffic.lost),
            **self._server.status(),
            "anonymous_kib": int(status["RssAnon"].split()[0]),
            "processor_s": sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
            "running": float(gauges["gptoss:num_requests_running"]),
            "waiting": float(gauges["gptoss:num_requests_waiting"]),
            "cache_usage": float(gauges["gptoss:kv_cache_usage_perc"]),
            "store_kib": self._store.stat().st_size / 1024,
        }
        self.rows.append(row)
        self._writer.writerow(row)
        self._file.flush()
        return row

    async def keep_sampling(self) -> None:
        """Until it is cancelled."""
        number = 0
        while True:
            number += 1
            await asyncio.sleep(self._plan.real_s / NUM_SAMPLES)
            row = await self.sample()
            if number % 10 == 0:
                print("  " + json.dumps(row), flush=True)


async def ask_all(traffic: Traffic, plan: Plan, ended: asyncio.Event) -> None:
    """Clients come as fast as the plan has it, a few of them at a time, until the time is over."""
    began, clients = time.monotonic(), set[asyncio.Task[None]]()
    while (share := (time.monotonic() - began) / plan.real_s) < 1 and not ended.is_set():
        if traffic.requests >= share * plan.requests or len(clients) >= MOST_CLIENTS:
            await asyncio.sleep(0.02)
            continue
        num = BURST if traffic.draw.random() < BURST_SHARE else 1
        for _ in range(num):
            client = asyncio.create_task(traffic.one(KINDS))
            clients.add(client)
            client.add_done_callback(clients.discard)
        # The client's first request is counted when it begins.
        await asyncio.sleep(0)
    if clients:
        await asyncio.wait(clients, timeout=120)


async def soak(server: Server, plan: Plan, store: Path) -> tuple[Sampler, Traffic]:
    """The whole run; one sample more when everything has ended."""
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    limits = httpx.Limits(max_connections=200, keepalive_expiry=min(10, IDLE_S / plan.speedup / 3))
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as http:
        traffic = Traffic(
            http, plan.keep_s / plan.speedup, BODY_S / plan.speedup, IDLE_S / plan.speedup
        )
        sampler = Sampler(server, traffic, plan, store)
        first = int((await traffic.ask("/v1/completions", {"prompt": "1"}))["created"])
        sampling = asyncio.create_task(sampler.keep_sampling())
        await ask_all(traffic, plan, ended)
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        await asyncio.sleep(1)
        await sampler.sample()
        last = int((await traffic.ask("/v1/completions", {"prompt": "1"}))["created"])
    print(f"  the server's own clock went on by {(last - first) / 3600:.2f} h", flush=True)
    return sampler, traffic


def slope(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Of the line through the points, and its standard error.

    Neighbouring samples tell much the same, so that the error is that of a line through the means of a few blocks.
    """
    best = float(np.polyfit(x, y, 1)[0])
    at, level = (
        np.array([part.mean() for part in np.array_split(np.asarray(each), NUM_BLOCKS)])
        for each in (x, y)
    )
    left = level - np.polyval(np.polyfit(at, level, 1), at)
    spread = float(((at - at.mean()) ** 2).sum())
    return best, float(np.sqrt((left**2).sum() / (NUM_BLOCKS - 2) / spread))


def figures(rows: list[Row], traffic: Traffic, plan: Plan) -> dict[str, object]:
    """What is recorded."""
    settled = rows[len(rows) // 4 :]
    mib = [row["rss_kib"] / 1024 for row in settled]
    by_hour = slope([row["server_hours"] for row in settled], mib)
    by_request = slope([row["requests"] / 1000 for row in settled], [each * 1024 for each in mib])
    last = rows[-1]
    return {
        "server_hours": round(last["server_hours"], 2),
        "real_hours": round(last["real_s"] / 3600, 3),
        "speedup": plan.speedup,
        "requests": traffic.requests,
        "lost": len(traffic.lost),
        "left": traffic.left,
        "pings": traffic.pings,
        "expired": traffic.expired,
        "rss_mib_first_quarter": round(mib[0], 2),
        "rss_mib": round(mib[-1], 2),
        "rss_mib_highest": round(max(row["rss_kib"] for row in rows) / 1024, 2),
        "rss_mib_per_hour": round(by_hour[0], 4),
        "rss_mib_per_hour_error": round(by_hour[1], 4),
        "rss_kib_per_1000_requests": round(by_request[0], 3),
        "rss_kib_per_1000_requests_error": round(by_request[1], 3),
        "threads": last["threads"],
        "threads_growth": last["threads"] - settled[0]["threads"],
        "descriptors_at_end": last["descriptors"],
        "descriptors_median": statistics.median(row["descriptors"] for row in settled),
        "running_at_end": last["running"],
        "waiting_at_end": last["waiting"],
        "cache_usage_at_end": last["cache_usage"],
        "processors_used": round(last["processor_s"] / last["real_s"], 3),
    }


def draw() -> None:
    """The curve as a picture, where matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no picture")
        return
    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    with CURVE.open(encoding="utf-8") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    hours = [row["server_hours"] for row in rows]
    figure, axis = plt.subplots(figsize=(8, 3))
    axis.plot(hours, [row["rss_kib"] / 1024 for row in rows], linewidth=1)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("hours of the server's clock")
    axis.set_ylabel("resident memory, MiB")
    axis.set_title(f"{rows[-1]['requests']:,.0f} requests", fontsize=10)
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def repeat(server: Server) -> None:
    """What the server writes, which is nothing unless something is wrong."""
    for line in server.said():
        print("  server:", line, end="", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--speedup", type=float, default=16)
    parser.add_argument("--requests", type=int)
    options = parser.parse_args()
    requests = options.requests or round(options.hours * 1800)
    plan = Plan(options.hours, options.speedup, requests)
    with tempfile.TemporaryDirectory() as name, clock(plan.speedup, Path(name)) as environment:
        store = Path(name) / "store.db"
        numbers = (str(plan.keep_s), str(PING_S), str(plan.speedup))
        server = Server(str(store), *numbers, command=SERVER, environment=environment)
        threading.Thread(target=repeat, args=(server,), daemon=True).start()
        sampler, traffic = asyncio.run(soak(server, plan, store))
        server.close()
    metrics = figures(sampler.rows, traffic, plan)
    print("kinds:", json.dumps(dict(traffic.by_kind)))
    print("statuses:", json.dumps(dict(traffic.by_status)))
    backend = gptoss.load("nano").backend
    common = {"isa": backend.isa, "threads": backend.threads, "model": "nano", "precision": "int8"}
    append("soak.csv", common, metrics)
    draw()
    print(machine_name())
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
