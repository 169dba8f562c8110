"""Appends rows to the committed results."""

from __future__ import annotations

import csv
import datetime
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("date", "commit", "machine", "isa", "threads", "model", "precision", "metric", "value")


def machine_name() -> str:
    """The processor's name and cores, as the system tells them."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return name


def commit() -> str:
    """The checked-out commit, short."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def append(file: str, common: Mapping[str, object], metrics: Mapping[str, object]) -> Path:
    """Add one row for each metric to results/FILE; `common` has isa, threads, model and precision."""
    path = RESULTS / file
    is_new = not path.exists()
    RESULTS.mkdir(exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        for metric, value in metrics.items():
            row = {
                "date": datetime.date.today().isoformat(),
                "commit": commit(),
                "machine": machine_name(),
                **common,
                "metric": metric,
                "value": value,
            }
            writer.writerow(row)
    return path
