"""Runs all attacks on one rung as this user, and prints what became of each: python -m tests.tools.sandbox.matrix RUNG

`bare` runs them without a sandbox, in a process of this user's, to show that each of them works.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy

from gptoss.tools.sandbox import Limits, Rung, Session, look_at
from gptoss.tools.sandbox.rung import RungName
from gptoss.tools.sandbox.syscalls import ARCHITECTURES, NUMBERS, number_of
from tests.tools.sandbox.attacks import EXHAUSTIONS, METADATA, NOT_BARE, PRELUDE, REFUSALS
from tests.tools.sandbox.confined import confined

LIMITS = Limits(
    wall_s=20,
    grace_s=0.3,
    memory_bytes=768 << 20,
    file_bytes=16 << 20,
    data_bytes=24 << 20,
    scratch_bytes=16 << 20,
    num_files=2000,
    written_bytes=32 << 20,
    output_bytes=100_000,
)
MOST_S = 240


class Listeners:
    """Sockets of all kinds on this machine alone; `arrived` is whether anything came to one."""

    def __init__(self, folder: Path) -> None:
        self.arrived: list[str] = []
        self.name = f"gptoss-{secrets.token_hex(8)}"
        self._kept: list[socket.socket] = []
        self.tcp = self._listen("tcp", socket.AF_INET, ("127.0.0.1", 0))
        self.udp = self._receive("udp", socket.AF_INET, ("127.0.0.1", 0))
        self.path = self._listen("unix", socket.AF_UNIX, str(folder / "stream"))
        self.datagrams = self._receive("datagrams", socket.AF_UNIX, str(folder / "datagrams"))
        self._listen("abstract", socket.AF_UNIX, f"\0{self.name}")

    def close(self) -> None:
        for each in self._kept:
            # Whoever waits in it wakes.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _listen(self, name: str, family: int, address: Any) -> Any:
        listener = socket.socket(family)
        listener.bind(address)
        listener.listen()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    listener.accept()[0].close()
                    self.arrived.append(name)

        return self._start(listener, accept)

    def _receive(self, name: str, family: int, address: Any) -> Any:
        receiver = socket.socket(family, socket.SOCK_DGRAM)
        receiver.bind(address)

        def receive() -> None:
            with suppress(OSError):
                while receiver.recv(100):
                    self.arrived.append(name)

        return self._start(receiver, receive)

    def _start(self, made: socket.socket, work: Any) -> Any:
        self._kept.append(made)
        threading.Thread(target=work, daemon=True).start()
        return made.getsockname()


class Given:
    """What attacks aim at, all of it made for them."""

    def __init__(self) -> None:
        # Not beneath /tmp, which is another folder inside.
        self.folder = Path(tempfile.mkdtemp(prefix="gptoss-attacked-", dir="/var/tmp"))
        self.outside = self.folder / "outside"
        self.outside.mkdir()
        secret = self.outside / "secret"
        secret.write_text("the secret")
        self.mine = self.outside / "mine"
        self.mine.write_text("mine")
        self.mine.chmod(0o644)
        self.key = f"sk-{secrets.token_hex(8)}"
        self.listeners = Listeners(self.folder)
        # Descriptors that the host forgot to close in others.
        self.held = [os.open(path, os.O_RDONLY) for path in (secret, self.outside)]
        for descriptor in self.held:
            os.set_inheritable(descriptor, True)
        architecture = ARCHITECTURES[platform.machine()]
        self.facts = {
            "secret": str(secret),
            "outside": str(self.outside),
            "mine": str(self.mine),
            "key": self.key,
            "held": "the secret",
            "pid": os.getpid(),
            "tcp": self.listeners.tcp,
            "udp": self.listeners.udp,
            "unix": self.listeners.path,
            "unix_datagrams": self.listeners.datagrams,
            "abstract": self.listeners.name,
            "shm": f"/dev/shm/{self.listeners.name}",
            "packages": str(Path(numpy.__file__).parents[1]),
            "numbers": {name: number_of(name, architecture) for name in NUMBERS},
        }
        self._before = self._seen()

    def program(self, code: str) -> str:
        return PRELUDE.replace("GIVEN", repr(json.dumps(self.facts))) + code

    def harm(self) -> list[str]:
        """What an attack left outside."""
        time.sleep(0.02)
        arrived, self.listeners.arrived = self.listeners.arrived, []
        before, self._before = self._before, self._seen()
        return [*arrived, *sorted(map(str, before ^ self._before))]

    def _seen(self) -> set[tuple[str, int, int, float]]:
        packages = Path(str(self.facts["packages"]), "gptoss_written.py")
        found = [*self.outside.rglob("*"), *([packages] if packages.exists() else [])]
        return {(str(p), s.st_size, s.st_mode, s.st_mtime) for p in found for s in [p.lstat()]}

    def close(self) -> None:
        for descriptor in self.held:
            os.close(descriptor)
        self.listeners.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def attacked(rung: Rung, given: Given) -> dict[str, Any]:
    """What became of each attack."""
    found: dict[str, Any] = {}
    with Session(rung, LIMITS) as session:
        found["confined"] = confined(session)
        for name, code in REFUSALS.items():
            output = session.run(given.program(code), timeout_s=10)
            found[name] = {
                "text": output.text(2000),
                "reason": output.reason,
                "harm": given.harm(),
                "lost": output.is_state_lost,
            }
        found["metadata"] = {"text": session.run(given.program(METADATA)).text()}
        for name, (code, _) in EXHAUSTIONS.items():
            began = time.monotonic()
            # Interrupts come soon where nothing else ends it.
            waits = name in (
                "endless_loop",
                "sleep",
                "signals_ignored",
                "exceptions_swallowed",
                "long_power",
            )
            output = session.run(code, timeout_s=0.3 if waits else 10)
            usage = session.files()
            after = session.run("print('alive')", timeout_s=10)
            found[name] = {
                "text": output.text(2000),
                "reason": output.reason,
                "harm": given.harm(),
                "lost": output.is_state_lost,
                "seconds": time.monotonic() - began,
                "data_bytes": sum(usage.values()),
                "after": str(after.stdout),
            }
            for each in usage:
                session.remove_file(each)
    return found


def bare(given: Given) -> dict[str, Any]:
    """What the same attacks print without a sandbox; packages are not there to be written to."""
    found = {}
    given.facts["packages"] = str(given.outside)
    for name, code in REFUSALS.items():
        if name in NOT_BARE:
            continue
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-c", given.program(code)],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=folder,
                close_fds=False,
                check=False,
            )
        found[name] = {"text": done.stdout + done.stderr, "harm": given.harm()}
        given.mine.write_text("mine")
    return found


def main() -> None:
    watchdog = threading.Timer(MOST_S, os._exit, (3,))
    watchdog.daemon = True
    watchdog.start()
    given = Given()
    os.environ["GPTOSS_TEST_KEY"] = given.key
    try:
        if sys.argv[1] == "bare":
            print(json.dumps(bare(given)))
            return
        look = look_at(RungName(sys.argv[1]))
        if look.problem:
            print(json.dumps({"problem": look.problem}))
            return
        print(json.dumps(attacked(look.rung, given)))
    finally:
        given.close()


if __name__ == "__main__":
    main()
