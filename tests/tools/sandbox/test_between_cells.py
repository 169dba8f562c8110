"""Between cells nothing of the code runs: no thread of it, no timer, and nothing that it left behind."""

from __future__ import annotations

import time

import pytest

from gptoss.tools.sandbox import Reason, Session, process
from gptoss.tools.sandbox.process import Process
from tests.tools.sandbox.test_notebook import FORGE

FILLS = """
import threading, time
def fill():
    n = 0
    while True:
        n += 1
        with open(f"{n % 100}", "wb") as file: file.write(bytes(1 << 20))
"""
# Each goes on when its cell has ended; the last ends it by itself, with the number that answers must have.
WAYS = {
    "thread": "threading.Thread(target=fill, daemon=True).start()",
    "timer": """
import signal
signal.signal(signal.SIGALRM, lambda *_: fill())
signal.setitimer(signal.ITIMER_REAL, 0.1)
""",
    "forged": f"{FORGE}forge(reason='finished', refused=[], sizes=[0])\nfill()",
}


def cpu_s(session: Session) -> float:
    assert session._sandbox.process is not None
    return session._sandbox.process.cpu_s()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_written_or_worked(session: Session, way: str) -> None:
    """Beyond what a cell may have: nobody looks at it until the next one."""
    session.run(FILLS)
    output = session.run(WAYS[way])
    assert output.reason in (Reason.FINISHED, Reason.DISK)
    before, worked = session.files(), cpu_s(session) if output.reason is Reason.FINISHED else 0.0
    time.sleep(0.5)
    assert session.files() == before
    assert sum(before.values()) <= session.limits.data_bytes + session.limits.file_bytes
    if output.reason is Reason.FINISHED:
        # As the kernel counts: in hundredths.
        assert cpu_s(session) - worked <= 0.02
    # Whatever it does by then, and though that costs it its process, whoever comes next is served.
    session.run("1", timeout_s=1)
    session.run("2", timeout_s=1)
    session.restart()
    assert session.run("'next'").value == "'next'"


def test_a_thread_goes_on_with_the_next_cell(session: Session) -> None:
    session.run(
        "import threading, time\ncounted = []\n"
        "def count():\n    while True:\n        counted.append(time.monotonic())\n        time.sleep(0.01)\n"
        "threading.Thread(target=count, daemon=True).start()"
    )
    time.sleep(0.4)
    code = "time.sleep(0.3)\nlen(counted), max(b - a for a, b in zip(counted, counted[1:])) > 0.3"
    count, was_paused = eval(session.run(code).value)
    assert count > 5
    assert was_paused
    assert session.run("threading.active_count()").value == "2"


def test_one_that_cannot_be_paused_is_ended(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.run("x = 1")
    monkeypatch.setattr(Process, "_is_paused", lambda _: False)
    monkeypatch.setattr(process, "_PAUSE_S", 0.1)
    output = session.run("x")
    assert (output.value, output.is_state_lost) == ("1", True)
    assert "all variables with it" in output.text()
    monkeypatch.undo()
    assert "NameError" in session.run("x").text()


def test_one_that_is_paused_ends_as_any_other(session: Session) -> None:
    session.run("x = 1")
    session.restart()
    assert "NameError" in session.run("x").text()
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 2


# A thread that goes on by itself, and writes.
LEFT = """
import threading, time
num = 0
def work():
    global num
    while True:
        num += 1
        with open(f"left{num % 300}", "w") as file: file.write("x" * 1000)
thread = threading.Thread(target=work, daemon=True)
thread.start()
"""


def taken(session: Session) -> tuple[float, dict[str, int]]:
    """What its process has had of the processor, and its files."""
    process = session._sandbox.process
    assert process is not None
    return process.cpu_s(), session.files()


def test_a_handler_of_the_codes_own_does_not_keep_it(session: Session) -> None:
    stop = "import signal\nfor n in (18, 20, 21, 22): signal.signal(n, lambda *_: None)\n"
    assert session.run(stop + LEFT).is_good
    time.sleep(0.05)
    before = taken(session)
    time.sleep(0.3)
    assert taken(session) == before
    assert session.run("1 + 1").value == "2"


def test_files_are_read_and_written_meanwhile(session: Session) -> None:
    session.run("open('a', 'w').write('1');")
    session.write_file("b", b"2")
    assert (session.read_file("a"), session.files()) == (b"1", {"a": 1, "b": 1})
    assert session.run("open('b').read()").value == "'2'"
    session.restart()
    assert session.run("open('b').read()").value == "'2'"
