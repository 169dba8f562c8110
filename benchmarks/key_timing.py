"""Whether the time that a key takes says anything of it: python -m benchmarks.key_timing [--calls 200000].

As dudect does it: keys of all classes by turns, in random order; then Welch's t between classes, over all timings and
over those below some percentile of all of them, since what is slow is slow for other reasons. Beyond 4.5 the times
differ. Two comparisons of plain keys that end early go through the same and must be found out, or the method sees
nothing. -> results/key_timing.csv
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.record import append, machine_name
from gptoss.server.settings import Keys

NUM_KEYS, KEY_CHARACTERS = 50, 43
CLASSES = ("wrong_first", "wrong_last", "wrong_all", "first_key", "last_key")
# How much of a wrong key is right must not be seen at all.
WRONG_PAIRS = (
    ("wrong_first", "wrong_last"),
    ("wrong_first", "wrong_all"),
    ("wrong_last", "wrong_all"),
)
# Which of the keys it was is no secret from who has it; a branch that the processor foresees wrongly is seen in it.
RIGHT_PAIR = ("first_key", "last_key")
MOST_RIGHT_NS = 25.0
PERCENTILES = (25, 50, 75, 90, 99, 100)
THRESHOLD = 4.5
MIN_TIMINGS = 500
ROUND = 20_000
Accept = Callable[[str], bool]


def new_key() -> str:
    return secrets.token_urlsafe(KEY_CHARACTERS)[:KEY_CHARACTERS]


def other(character: str, draw: random.Random) -> str:
    return draw.choice([each for each in "abcdefghijklmnopqrstuvwxyz" if each != character])


def made(kind: str, keys: list[str], draw: random.Random) -> str:
    """A key of a class."""
    first = keys[0]
    match kind:
        case "wrong_first":
            return other(first[0], draw) + first[1:]
        case "wrong_last":
            return first[:-1] + other(first[-1], draw)
        case "wrong_all":
            return "".join(other(character, draw) for character in first)
        case "first_key":
            return first
        case _:
            return keys[-1]


def by_equality(keys: list[str]) -> Accept:
    """What must be found out: ends at the key that is right."""

    def accept(key: str) -> bool:
        for known in keys:  # noqa: SIM110 (as it is written without a thought)
            if key == known:
                return True
        return False

    return accept


def by_character(keys: list[str]) -> Accept:
    """What must be found out: ends at the first character that is wrong."""

    def accept(key: str) -> bool:
        return any(all(map(str.__eq__, key, known)) for known in keys)

    return accept


def timings(accept: Accept, keys: list[str], calls: int) -> dict[str, np.ndarray]:
    """Nanoseconds of each call, by class."""
    draw = random.Random(secrets.randbits(64))
    found: dict[str, list[int]] = {kind: [] for kind in CLASSES}
    clock = time.perf_counter_ns
    for _ in range(-(-calls // ROUND)):
        kinds = [draw.choice(CLASSES) for _ in range(ROUND)]
        drawn = [made(kind, keys, draw) for kind in kinds]
        # Anew, one after another: they lie in memory alike, and none is the very object that is known.
        asked = [key.encode().decode() for key in drawn]
        gc.collect()
        gc.disable()
        spent = []
        for key in asked:
            began = clock()
            accept(key)
            spent.append(clock() - began)
        gc.enable()
        for kind, ns in zip(kinds, spent, strict=True):
            found[kind].append(ns)
    return {kind: np.array(each, dtype=np.float64) for kind, each in found.items()}


def welch(a: np.ndarray, b: np.ndarray) -> float:
    spread = a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)
    return float((a.mean() - b.mean()) / np.sqrt(spread)) if spread else 0.0


def highest_t(a: np.ndarray, b: np.ndarray) -> float:
    """The t that is farthest from 0, of all crops that leave enough of both."""
    limits = np.percentile(np.concatenate([a, b]), PERCENTILES)
    crops = [(a[a <= limit], b[b <= limit]) for limit in limits]
    found = [welch(*crop) for crop in crops if min(map(len, crop)) >= MIN_TIMINGS]
    return max(found, key=abs)


def seen(way: str, accept: Accept, keys: list[str], calls: int, metrics: dict[str, object]) -> bool:
    """Whether keys can be told apart; the figures go to `metrics`."""
    spent = timings(accept, keys, calls)
    levels = {kind: float(np.median(spent[kind])) for kind in CLASSES}
    ts = {pair: highest_t(spent[pair[0]], spent[pair[1]]) for pair in (*WRONG_PAIRS, RIGHT_PAIR)}
    right_ns = abs(levels[RIGHT_PAIR[0]] - levels[RIGHT_PAIR[1]])
    metrics |= {f"{way}_{kind}_median_ns": level for kind, level in levels.items()}
    metrics |= {f"{way}_t_{a}_{b}": round(t, 2) for (a, b), t in ts.items()}
    is_seen = any(abs(ts[pair]) > THRESHOLD for pair in WRONG_PAIRS) or right_ns > MOST_RIGHT_NS
    said = ", ".join(f"{a}/{b} t {t:.2f}" for (a, b), t in ts.items())
    print(f"{way}: {'seen' if is_seen else 'not seen'}, {said}, {right_ns:.0f} ns", flush=True)
    return is_seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    options = parser.parse_args()
    keys = [new_key() for _ in range(NUM_KEYS)]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "keys"
        path.write_text("\n".join(keys))
        known = Keys.from_file(path)
    metrics: dict[str, object] = {"keys": NUM_KEYS, "calls": options.calls}
    ways = {
        "accept": known.accept,
        "by_equality": by_equality(keys),
        "by_character": by_character(keys),
    }
    is_seen = {way: seen(way, accept, keys, options.calls, metrics) for way, accept in ways.items()}
    append("key_timing.csv", {"isa": "", "threads": 1, "model": "", "precision": ""}, metrics)
    print(machine_name())
    print(json.dumps(metrics))
    if is_seen != {"accept": False, "by_equality": True, "by_character": True}:
        raise SystemExit(f"wanted the naive ones found out, and accept not: got {is_seen}")


if __name__ == "__main__":
    main()
