"""Any bytes give a value or an error of ours: findings of once, changes by chance, and a fuzzer for some seconds."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.fuzz.limits import read_within_limits
from tests.fuzz.replay import FINDINGS, replay
from tests.fuzz.targets import all_targets
from tests.levels import examples

TARGETS = all_targets()
ROOT = Path(__file__).parents[2]
SECONDS = 3
_MOST_S = 300


@pytest.mark.parametrize("name", TARGETS)
def test_sound_files_are_read(name: str, tmp_path: Path) -> None:
    """Otherwise nothing would be tried but how they are refused."""
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for seed in seeds:
        assert len(seed) < TARGETS[name].most // 2
        TARGETS[name].read(seed, tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_stays_mended(name: str) -> None:
    replay(TARGETS[name], FINDINGS)


def test_every_finding_is_of_a_target() -> None:
    assert {path.name for path in FINDINGS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_by_chance(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    # The same changes each time, other ones for each target.
    chance = random.Random(name)
    seeds = list(target.seeds())
    for _ in range(examples(800)):
        data = chance.choice(seeds)
        for _ in range(chance.randint(1, 4)):
            data = target.form.mutate(data, chance, _mutated(chance), target.most)
        read_within_limits(target, data, tmp_path)


def _mutated(chance: random.Random) -> object:
    """Changes bytes in the place of the fuzzer."""

    def mutate(data: bytes, most: int) -> bytes:
        changed, at = bytearray(data), chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                changed[at : at + 1] = chance.randbytes(1)
            case 1:
                changed[at : at + 8] = chance.choice((2**64 - 1, 2**63, 0)).to_bytes(8, "little")
            case 2:
                del changed[at : at + chance.randint(1, 16)]
            case 3:
                changed[at:at] = chance.randbytes(chance.randint(1, 16))
        return bytes(changed[:most])

    return mutate


@pytest.mark.thorough
@pytest.mark.parametrize("name", TARGETS)
def test_fuzzed(name: str) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("needs atheris, which has wheels for Linux on x86-64 alone")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.one", name),
                *("--seconds", str(SECONDS), "--corpus", f"{folder}/corpus"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_MOST_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    # Inputs led further, which they only do where code is instrumented.
    assert "NEW" in done.stderr or "REDUCE" in done.stderr, done.stderr[-3000:]
