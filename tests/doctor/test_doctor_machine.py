"""A doctor on the machine, and on whether it has room for a model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gptoss import kernels
from gptoss.kernels import control_group
from gptoss.model import packed_file
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.packing import Packing, WeightType
from gptoss.runtime import packed_weights
from gptoss.runtime.doctor import Examination, Finding, Level, machine, room
from tests.doctor import models
from tests.doctor.models import one_wrong, require_commands, wrong_with

GIB = 1 << 30


def look() -> dict[str, Finding]:
    findings = list(machine.look_at_machine())
    for finding in findings:
        require_commands(finding)
    return {finding.name: finding for finding in findings}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing chosen by hand."""
    for name in ("GPTOSS_ISA", "GPTOSS_BF16_PAIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(control_group, "cores", lambda: None)


def test_this_machine() -> None:
    found = look()
    assert list(found) == ["versions", "processor", "cores", "memory", "swap"]
    assert "Python 3." in found["versions"].said
    assert kernels.isas()[-1] in found["processor"].said


def test_an_instruction_set_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTOSS_ISA", "baseline")
    finding = look()["processor"]
    if len(kernels.isas()) > 1:
        assert finding.level is Level.NOTE
        assert "by GPTOSS_ISA" in finding.said
        assert finding.remedy == "`unset GPTOSS_ISA`"
    monkeypatch.setenv("GPTOSS_ISA", "sve9")
    finding = look()["processor"]
    assert finding.level is Level.ERROR
    assert "'sve9' cannot run here" in finding.said
    monkeypatch.setenv("GPTOSS_ISA", "")
    monkeypatch.setenv("GPTOSS_BF16_PAIRS", "maybe")
    finding = look()["processor"]
    assert (finding.level, finding.remedy) == (Level.ERROR, "`unset GPTOSS_BF16_PAIRS`")


def test_an_old_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "isas", lambda: ("baseline",))
    monkeypatch.setattr(machine, "choose_isa", lambda _: "baseline")
    assert look()["processor"].level is Level.WARNING


def test_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "available_threads", lambda: 4)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert look()["cores"].said == "4 of 8 may be used"
    monkeypatch.setattr(control_group, "cores", lambda: 4)
    assert look()["cores"].said == "4 of 8 may be used, by the quota of a control group"


def test_memory_and_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"MemTotal": 32 * GIB, "SwapTotal": 8 * GIB, "SwapFree": 8 * GIB}
    monkeypatch.setattr(machine, "_meminfo", numbers.get)
    monkeypatch.setattr(machine, "available_memory", lambda: 12 * GIB)
    monkeypatch.setattr(control_group, "memory_left", lambda: 12 * GIB)
    found = look()
    assert found["memory"].said == (
        "12.0 GiB to be had of 32.0 GiB, by the limit of a control group"
    )
    assert (found["swap"].level, found["swap"].said) == (Level.OK, "0 bytes of 8.0 GiB in use")
    numbers["SwapFree"] = 3 * GIB
    assert "short of memory" in look()["swap"].said
    monkeypatch.setattr(machine, "available_memory", lambda: None)
    assert look()["memory"].level is Level.NOTE


def test_a_machine_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_lines", lambda _: [])
    found = look()
    assert found["swap"].level is Level.OK
    assert "kernels for" in found["processor"].said


def test_memory_that_does_not_suffice(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available_memory", lambda: 100 << 20)
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.ERROR, "memory")
    assert "tokens of context need 2" in finding.said
    assert f"`gptoss fit --model {model}`" in finding.remedy
    assert "nothing fits: the least is" in finding.remedy


def test_memory_for_a_part_of_the_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = replace(models.CONFIG, max_positions=131_072)
    monkeypatch.setattr(models, "CONFIG", config)
    model = models.make_model(tmp_path / "long")
    monkeypatch.setattr(room, "available_memory", lambda: 275 << 20)
    finding = one_wrong(model)
    assert finding.level is Level.NOTE
    assert "the model could have 131,072" in finding.said


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of any size are kept in a file, and their reading is measured."""
    monkeypatch.setattr(room, "SMALL_BYTES", 0)
    monkeypatch.setattr(packed_file, "_SPARE_BYTES", 0)
    monkeypatch.setattr(room, "_LEAST_BYTES", 0)
    monkeypatch.setattr(room, "_SLOW_BYTES_PER_S", 0)


def packed(model: Path, cache: Path) -> packed_file.PackedFile:
    checkpoint = open_checkpoint(model)
    packing = Packing(
        checkpoint.config, checkpoint.weights, WeightType.INT8, kernels.Backend(threads=1)
    )
    file = packed_file.PackedFile(cache, checkpoint, WeightType.INT8)
    file.write(packing, lambda _: None)
    return file


Disk = Callable[[], Finding]


@pytest.fixture
def disk(model: Path, tmp_path: Path, large: None) -> Disk:
    def finding() -> Finding:
        examination = Examination(model, quick=True, weights_cache=tmp_path / "cache")
        found = [each for each in examination.of_model() if each.name == "disk"]
        require_commands(found[0])
        return found[0]

    return finding


def test_room_for_laid_out_weights(
    disk: Disk, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disk().level is Level.OK
    assert disk().said.startswith(f"{tmp_path / 'cache'} has ")
    assert not (tmp_path / "cache").exists()
    with monkeypatch.context() as patched:
        patched.setattr(room, "free_bytes", lambda _: 10)
        assert disk().level is Level.WARNING
        assert "--weights-cache DIR" in disk().remedy
    file = packed(model, tmp_path / "cache")
    assert disk().said == f"weights are laid out already: {file.path}"
    file.path.write_bytes(b"x" * 100)
    file.path.chmod(0o644)
    assert disk().level is Level.NOTE
    assert "made anew" in disk().remedy


def test_a_file_in_place_of_the_folder(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    assert (disk().level, disk().name) == (Level.WARNING, "disk")
    assert "is a regular file" in disk().said


def test_a_folder_that_may_not_be_written_to(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert disk().level is Level.WARNING
    assert "may not be written to" in disk().said


def test_no_home(model: Path, large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError

    for name in (packed_weights.CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    found = wrong_with(model)
    assert [(each.level, each.name) for each in found] == [(Level.ERROR, "disk")]


def test_reading(model: Path, large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong_with(model) == []
    monkeypatch.setattr(room, "_SLOW_BYTES_PER_S", 1e18)
    finding = one_wrong(model)
    assert (finding.level, finding.name) == (Level.WARNING, "reading")
    assert "B/s; all of" in finding.said
    monkeypatch.delattr(os, "posix_fadvise")
    assert one_wrong(model).level is Level.NOTE


def test_a_disk_is_not_measured_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow it is: between two pieces the time is looked at."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    read: list[int] = []

    def preadv(descriptor: int, buffers: list[bytearray], offset: int) -> int:
        read.append(offset)
        return len(buffers[0])

    monkeypatch.setattr(os, "preadv", preadv)
    assert room.reading_speed(path) > 0
    assert len(read) == room._READ_BYTES // room._PIECE
    assert min(read) > 0
    read.clear()
    clock = iter(range(100))
    monkeypatch.setattr(room.time, "perf_counter", lambda: float(next(clock)))
    room.reading_speed(path)
    # A second for each look at the clock.
    assert len(read) == 1
