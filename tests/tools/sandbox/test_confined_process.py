"""A sandbox's process as the kernel tells of it: what must hold even where another rule already closes the attack."""

from __future__ import annotations

import os
import resource

from gptoss.tools.sandbox import RungName
from gptoss.tools.sandbox.environment import environment
from gptoss.tools.sandbox.inside.kernel import RESERVES
from gptoss.tools.sandbox.interpreter import DEVICES
from tests.tools.sandbox.confined import NAMESPACES
from tests.tools.sandbox.conftest import Matrix
from tests.tools.sandbox.matrix import LIMITS
from tests.tools.sandbox.test_attack_matrix import places, row


@places
def test_it_has_no_rights(matrix: Matrix, rung_name: RungName, user: str) -> None:
    status = row(matrix, rung_name, user, "confined")["status"]
    assert isinstance(status, dict)
    for held in ("CapPrm", "CapEff", "CapAmb"):
        assert int(status[held], 16) == 0
    # No program can raise its privileges, and it has one filter.
    assert (status["NoNewPrivs"], status["Seccomp"], status["Threads"]) == ("1", "2", "1")
    nobody = os.geteuid() == 0 or user == "nobody"
    wanted = 65534 if nobody else os.geteuid()
    assert set(status["Uid"].split()) == {str(wanted)}
    if nobody:
        assert (set(status["Gid"].split()), status["Groups"]) == ({"65534"}, "")


@places
def test_its_limits_cannot_be_raised(matrix: Matrix, rung_name: RungName, user: str) -> None:
    limits = row(matrix, rung_name, user, "confined")["hard_limits"]
    assert isinstance(limits, dict)
    wanted = {
        "address space": LIMITS.memory_bytes + RESERVES[resource.RLIMIT_AS],
        "file size": LIMITS.file_bytes,
        "open files": LIMITS.open_files + RESERVES[resource.RLIMIT_NOFILE],
        "cpu time": LIMITS.cpu_s,
        "core file size": 0,
        "locked memory": 0,
        "msgqueue size": 0,
    }
    assert {name: int(limits[name]) for name in wanted} == wanted


@places
def test_nothing_of_the_hosts_is_in_its_hands(
    matrix: Matrix, rung_name: RungName, user: str
) -> None:
    """No variable of it or of what started it, no terminal, no descriptor but pipes and what has nothing in it."""
    found = row(matrix, rung_name, user, "confined")
    assert isinstance(found["environments"], list)
    of_code, *of_starters = found["environments"]
    assert {each.partition("=")[0] for each in of_code} - {"PWD"} == set(environment("/tmp"))
    assert [each for each in of_starters if each] == []
    assert (found["terminal"], found["is_of_our_session"]) == (0, False)
    assert isinstance(found["descriptors"], dict)
    links = found["descriptors"].values()
    assert found["descriptors"]["0"] == "/dev/null"
    assert len({link for link in links if link.startswith("pipe:")}) == 4
    # Folders of an interpreter that nobody can walk to are held to find it again, and lead nowhere else.
    others = {each for each in links if not each.startswith("pipe:")} - {"/dev/null"}
    assert all(each.endswith(("/lib", "/lib64", "/share", "-packages")) for each in others)
    assert found["oom_score_adj"] == 1000


@places
def test_it_is_alone(matrix: Matrix, rung_name: RungName, user: str) -> None:
    found = row(matrix, rung_name, user, "confined")
    if rung_name is RungName.LANDLOCK:
        assert found["shared_namespaces"] == list(NAMESPACES)
        return
    # From root the user namespace is ours: in one of its own it would still be root to files.
    has_root = os.geteuid() == 0 and user == "this"
    assert found["shared_namespaces"] == (["user"] if has_root else [])
    assert str(found["inside"]).endswith("'sandbox', 65534)")


@places
def test_what_is_mounted_is_read_or_small(matrix: Matrix, rung_name: RungName, user: str) -> None:
    if rung_name is RungName.LANDLOCK:
        return
    mounts = row(matrix, rung_name, user, "confined")["mounts"]
    assert isinstance(mounts, dict)
    sizes = {"/mnt/data": LIMITS.data_bytes, "/tmp": LIMITS.scratch_bytes}
    for place, size in sizes.items():
        options = mounts.pop(place)
        assert {"rw", "nosuid", "nodev", f"size={size >> 10}k"} <= set(options)
    devices = {place for place in mounts if place.startswith("/dev/")}
    assert devices <= set(DEVICES)
    # The root, the interpreter, its packages and the system's libraries.
    assert {place for place in mounts.keys() - devices if "ro" not in mounts[place]} == set()


@places
def test_its_input_is_empty(matrix: Matrix, rung_name: RungName, user: str) -> None:
    assert str(row(matrix, rung_name, user, "confined")["inside"]).startswith("(b'', ")
