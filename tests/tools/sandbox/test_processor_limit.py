"""A limit of the processor's time: what works is stopped, what waits is not, on each rung."""

from __future__ import annotations

import pytest

from gptoss.tools.sandbox import Reason, Rung, Session
from tests.tools.sandbox.conftest import SMALL


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "import threading\ndef work():\n    while True: pass\n"
        "threading.Thread(target=work).start()\nthreading.Event().wait()",
    ],
)
def test_work_is_stopped(rung: Rung, code: str) -> None:
    with Session(rung, SMALL) as session:
        output = session.run(code, cpu_s=0.3)
        assert output.reason is Reason.TIMEOUT
        assert output.notes[0] == "(stopped after 0.3 s of the processor's time)"
        assert output.duration_s < SMALL.wall_s


def test_waiting_is_no_work(rung: Rung) -> None:
    with Session(rung, SMALL) as session:
        assert session.run("import time\ntime.sleep(0.8)\n'waited'", cpu_s=0.4).value == "'waited'"


def test_each_cell_has_its_own(rung: Rung) -> None:
    code = "import time\nbegan = time.process_time()\nwhile time.process_time() < began + 0.2: pass"
    with Session(rung, SMALL) as session:
        for _ in range(3):
            assert session.run(code, cpu_s=0.4).reason is Reason.FINISHED


def test_the_clock_ends_what_waits(rung: Rung) -> None:
    with Session(rung, SMALL) as session:
        output = session.run("import time\ntime.sleep(60)", cpu_s=5, timeout_s=0.3)
        assert (output.reason, output.notes) == (Reason.TIMEOUT, ("(stopped after 0.3 s)",))
