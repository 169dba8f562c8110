"""Limits of control groups, in trees of files as Linux shows them.

The lines of `mountinfo` and `cgroup` are those of a systemd host (version 2), of Docker with a namespace of its own and
without one, and of a host with version 1, with paths made shorter.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gptoss.kernels import control_group, machine

TWO = "29 23 0:26 {shown} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
ONE = (
    "32 31 0:29 {shown} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "38 31 0:35 {shown} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
NO_LIMIT_OF_ONE = "9223372036854771712\n"


def _tree(root: Path, mounts: str, own: str, files: dict[str, str]) -> Path:
    for name, text in {
        "proc/self/mountinfo": f"23 28 0:21 / /proc rw - proc proc rw\n{mounts}",
        "proc/self/cgroup": own,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    files = {
        "memory.max": "8000000\n",
        "memory.current": "5000000\n",
        "memory.stat": "anon 1\ninactive_file 2000000\nactive_file 500000\n",
        "cpu.max": "150000 100000\n",
    }
    root = _tree(tmp_path, TWO.format(shown="/"), "0::/\n", files)
    assert control_group.memory_left(root) == 5_500_000
    assert control_group.cores(root) == 2


def test_the_tightest_of_the_groups_above_counts(tmp_path: Path) -> None:
    """As with `systemd-run -p MemoryMax=`: the root of the tree has no limit, and no such file."""
    files = {
        "app.slice/memory.max": "6000\n",
        "app.slice/memory.current": "5000\n",
        "app.slice/memory.stat": "",
        "app.slice/cpu.max": "400000 100000\n",
        "app.slice/run.scope/memory.max": "9000\n",
        "app.slice/run.scope/memory.current": "1000\n",
        "app.slice/run.scope/memory.stat": "",
        "app.slice/run.scope/cpu.max": "max 100000\n",
        "other.slice/memory.max": "1\n",
        "other.slice/memory.current": "1\n",
    }
    root = _tree(tmp_path, TWO.format(shown="/"), "0::/app.slice/run.scope\n", files)
    assert control_group.memory_left(root) == 1000
    assert control_group.cores(root) == 4


@pytest.mark.parametrize("shown", ["/", "/docker/c0ffee"])
def test_version_one(tmp_path: Path, shown: str) -> None:
    """The mount shows the whole tree, or, in a container without a namespace, its own part."""
    inner = "" if shown != "/" else "docker/c0ffee/"
    files = {
        f"memory/{inner}memory.limit_in_bytes": "8000000\n",
        f"memory/{inner}memory.usage_in_bytes": "5000000\n",
        f"memory/{inner}memory.stat": "active_file 9\ntotal_active_file 100\ntotal_inactive_file 200\n",
        f"cpu,cpuacct/{inner}cpu.cfs_quota_us": "50000\n",
        f"cpu,cpuacct/{inner}cpu.cfs_period_us": "100000\n",
    }
    own = "8:memory:/docker/c0ffee\n2:cpu,cpuacct:/docker/c0ffee\n0::/\n"
    root = _tree(tmp_path, ONE.format(shown=shown), own, files)
    assert control_group.memory_left(root) == 3_000_300
    assert control_group.cores(root) == 1


def test_no_limit(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": NO_LIMIT_OF_ONE,
        "memory/memory.usage_in_bytes": "5000000\n",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    own = "8:memory:/\n2:cpu,cpuacct:/\n0::/\n"
    root = _tree(tmp_path, ONE.format(shown="/"), own, files)
    assert control_group.memory_left(root) is None
    assert control_group.cores(root) is None


@pytest.mark.parametrize(
    ("mounts", "own"),
    [
        ("", ""),
        ("nonsense\n - \n1 2 3 4\n", "0\n::\n"),
        (TWO.format(shown="/"), "0::/../../etc\n"),
        (TWO.format(shown="/elsewhere"), "0::/gone\n"),
    ],
)
def test_what_cannot_be_read_is_no_limit(tmp_path: Path, mounts: str, own: str) -> None:
    files = {"memory.max": "nonsense\n", "memory.current": "1\n", "cpu.max": "1 0\n"}
    root = _tree(tmp_path, mounts, own, files)
    assert control_group.memory_left(root) is None
    assert control_group.cores(root) is None


def test_threads_follow_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_group, "cores", lambda: None)
    all_cores = machine.available_threads()
    monkeypatch.setattr(control_group, "cores", lambda: 1)
    assert machine.available_threads() == 1
    monkeypatch.setattr(control_group, "cores", lambda: all_cores + 1)
    assert machine.available_threads() == all_cores


_ONE = Path("/sys/fs/cgroup")
_LIMIT = 2_000_000_000
_ASK = "from gptoss.kernels import control_group as c; print(c.memory_left(), c.cores())"


def test_a_real_group_of_version_one() -> None:
    """A child process is put into groups of its own before it begins."""
    values = {"memory/memory.limit_in_bytes": _LIMIT, "cpu/cpu.cfs_quota_us": 100_000}
    groups: list[Path] = []
    try:
        for name, value in values.items():
            controller, _, file = name.partition("/")
            group = _ONE / controller / f"gptoss_test_{os.getpid()}"
            if not group.parent.is_dir():
                pytest.skip(f"the controller {controller} of version 1 is not mounted")
            group.mkdir()
            groups.append(group)
            (group / file).write_text(str(value))
        told = _asked_in(groups)
    except OSError as error:
        pytest.skip(f"groups cannot be made here: {error}")
    finally:
        for group in groups:
            _remove(group)
    left, cores = map(int, told.split())
    assert _LIMIT - 200_000_000 < left <= _LIMIT
    assert cores == 1


def _asked_in(groups: list[Path]) -> str:
    enter = "".join(f"echo $$ > {group}/cgroup.procs && " for group in groups)
    command = ["sh", "-c", f'{enter}exec "$0" -c "$1"', sys.executable, _ASK]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def _remove(group: Path) -> None:
    """A group is busy for a moment after its last process."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)
    group.rmdir()
