"""Between two cells nothing of a process runs: nobody watches then what it takes."""

from __future__ import annotations

import time

from gptoss.tools.sandbox import Session
from tests.tools.sandbox.test_notebook import FORGE

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


def test_a_thread_waits_for_the_next_cell(session: Session) -> None:
    """It had a core for an hour, and in a folder of the disk's as much of that as it liked."""
    assert session.run(LEFT).is_good
    # What was under way is over by then.
    time.sleep(0.05)
    before = taken(session)
    time.sleep(0.5)
    assert taken(session) == before
    first = int(session.run("time.sleep(0.1)\nnum").value)
    assert int(session.run("time.sleep(0.1)\nnum").value) > first
    assert session.run("thread.is_alive()").value == "True"


def test_a_cell_that_says_it_has_ended(session: Session) -> None:
    """An answer of the code's own ends its time too."""
    code = "forge(reason='finished', refused=[], sizes=[0])\n" + LEFT.replace(
        "thread.start", "work"
    )
    assert session.run(f"{FORGE}{code}").is_good
    time.sleep(0.05)
    before = taken(session)
    time.sleep(0.3)
    assert taken(session) == before


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
