"""The stateful notebook: what cells leave each other, what is echoed, and what ends a cell or the process."""

from __future__ import annotations

import asyncio
import marshal
import pickle
import struct
import threading
import time
from collections.abc import Callable

import pytest

from gptoss.errors import RequestError, SandboxError
from gptoss.tools.sandbox import Interruption, Reason, Rung, Session
from tests.levels import rounds
from tests.tools.sandbox.conftest import SMALL


def test_names_stay(session: Session) -> None:
    assert session.run("x = 20").text() == "(the code ran to its end and printed nothing)"
    session.run("import math\ndef f(y):\n    return x + y\nclass Kept: pass\n")
    assert session.run("f(22)").text() == "42"
    assert (
        session.run("math.floor(2.5), Kept.__module__, __name__").text()
        == "(2, '__main__', '__main__')"
    )


def test_a_thousand_turns(session: Session) -> None:
    session.run("n = 0")
    count = 333 * rounds(3) + 1
    for _ in range(count):
        assert session.run("n += 1").reason is Reason.FINISHED
    assert session.run("n").value == str(count)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("1 + 1", "2"),
        ("print('a')\n'b'", "a\n'b'"),
        ("x = 1\nx;", "(the code ran to its end and printed nothing)"),
        ("None", "(the code ran to its end and printed nothing)"),
        ("if __name__ == '__main__':\n    print('main')", "main"),
        (
            "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('more')",
            "out\nmore\nerr",
        ),
        ("import asyncio\nawait asyncio.sleep(0)\n7", "7"),
        ("import asyncio\nasync def g(): return 8\nasyncio.run(g())", "8"),
        ("import os\nos.write(1, b'raw\\n')", "raw\n4"),
        ("import ctypes\nctypes.CDLL(None).puts(b'from C');", "from C"),
        ("import os\nos.write(1, bytes([255]));", "\ufffd"),
        (
            "import threading\nt = threading.Thread(target=print, args=('t',)); t.start(); t.join()",
            "t",
        ),
        ("import pickle\nclass P: pass\npickle.loads(pickle.dumps(P())).__class__.__name__", "'P'"),
        ("import sys\nsys.exit()", "(the code ran to its end and printed nothing)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("print('ü😀')", "ü😀"),
        ("class R:\n    def __repr__(self): return chr(0xd800)\nR()", "\\ud800"),
        ("import sys\nsys.argv", "['']"),
    ],
)
def test_what_a_cell_says(session: Session, code: str, text: str) -> None:
    assert session.run(code).text() == text
    assert session.run("1").value == "1"


@pytest.mark.parametrize(
    ("code", "last", "lines"),
    [
        ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError: division by zero", 8),
        ("import json\njson.loads('{')", "json.decoder.JSONDecodeError", 4),
        ("x = (", "SyntaxError: '(' was never closed", 4),
        ("def f(): return f()\nf()", "RecursionError: maximum recursion depth exceeded", 12),
        ("input('name? ')", "EOFError: input() has nobody to answer it here", 4),
        (
            "class E(Exception):\n    def __str__(self): 1 / 0\nraise E",
            "E: <exception str() failed>",
            5,
        ),
        ("!pip install pandas", "pip cannot work here", 3),
        ("pip install pandas", "pip cannot work here", 3),
        ("import os\n%pip install x", "pip cannot work here", 3),
        ("!ls -l", "there is no shell here", 3),
    ],
)
def test_errors(session: Session, code: str, last: str, lines: int) -> None:
    output = session.run(code)
    assert output.reason is Reason.ERROR
    text = output.text()
    assert last in text.splitlines()[-1]
    # No frame of what runs the cell, nor of libraries.
    assert "sandbox" not in text
    assert "lib/python" not in text
    assert len(text.splitlines()) <= lines


def test_what_a_cell_does_to_python_is_undone(session: Session) -> None:
    session.run(
        "import sys, os\nprint = None\nsys.stdout.close()\nsys.stdout = None\nos.close(1)\ndel print"
    )
    session.run(
        "import builtins, signal\nbuiltins.input = len\nsignal.signal(signal.SIGINT, signal.SIG_IGN)"
    )
    assert session.run("print('there')").text() == "there"
    assert "nobody to answer" in session.run("input()").text()
    assert session.run("while True: pass", timeout_s=0.2).is_state_lost is False


def test_an_interrupt_keeps_names(session: Session) -> None:
    session.run("kept = 5")
    timer = threading.Timer(0.2, session.interrupt)
    timer.start()
    output = session.run("import time\ntime.sleep(30)")
    timer.join()
    assert (output.reason, output.is_state_lost) == (Reason.INTERRUPTED, False)
    assert output.duration_s < 5
    assert session.run("kept").value == "5"
    # One that comes when nothing runs does nothing.
    session.interrupt()
    assert session.run("kept").value == "5"


def test_an_interrupt_of_the_codes_own_is_an_error(session: Session) -> None:
    """Nobody has stopped it; the next one that is stopped says so."""
    output = session.run("kept = 5\nraise KeyboardInterrupt('mine')")
    assert (output.reason, output.is_state_lost) == (Reason.ERROR, False)
    assert "KeyboardInterrupt: mine" in output.text()
    assert session.run("kept").value == "5"
    timer = threading.Timer(0.2, session.interrupt)
    timer.start()
    assert session.run("import time\ntime.sleep(30)").reason is Reason.INTERRUPTED
    timer.join()


def test_an_interrupt_at_any_moment(session: Session) -> None:
    """Also before the cell has begun, and when it has just ended: names stay, and the next cell is not hit."""
    session.run("kept = 5")
    for n in range(30):
        interruption = Interruption()
        timer = threading.Timer(n / 5000, interruption.set)
        timer.start()
        code = "import time\ntime.sleep(0.003)\n'done'" if n % 2 else "while True: pass"
        output = session.run(code, interruption=interruption)
        timer.join()
        interruption.close()
        assert not output.is_state_lost
        assert output.duration_s < 3
        assert session.run("kept").value == "5"


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "10 ** (10 ** 8)",
        "import time; time.sleep(60)",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    ],
)
def test_a_timeout_keeps_names(session: Session, code: str) -> None:
    session.run("kept = 5")
    output = session.run(code, timeout_s=0.2)
    assert output.reason is Reason.TIMEOUT
    assert "stopped after 0.2 s" in output.text()
    assert session.run("kept").value == "5"


@pytest.mark.parametrize("status", ["", "0", "3", "'text'"])
def test_an_exit_keeps_names(session: Session, status: str) -> None:
    """It is an exception like another, and ends the cell alone."""
    session.run("kept = 5")
    output = session.run(f"import sys\nsys.exit({status})")
    assert (output.reason, output.is_state_lost) == (
        Reason.FINISHED if status in ("", "0") else Reason.ERROR,
        False,
    )
    assert session.run("kept").value == "5"


def test_lack_of_memory_keeps_names(session: Session) -> None:
    session.run("kept = 5")
    output = session.run("held = []\nwhile True: held.append(bytearray(1 << 20))")
    assert output.reason is Reason.MEMORY
    assert "more memory" in output.text()
    assert session.run("del held\nkept").value == "5"


def test_lack_of_descriptors_keeps_names(session: Session) -> None:
    session.run("import os\nkept = 5")
    assert (
        "Too many open files"
        in session.run("held = []\nwhile True: held.append(os.open('/dev/null', 0))").text()
    )
    assert session.run("print(kept)\nfor each in held: os.close(each)").text() == "5"


def test_the_model_is_told_of_a_new_process(session: Session) -> None:
    session.run("gone = 5\nopen('/mnt/data/stays', 'w').write('still')")
    output = session.run("import os\nos._exit(0)")
    assert (output.reason, output.is_state_lost) == (Reason.KILLED, True)
    assert "all variables with it" in output.text()
    assert "NameError" in session.run("gone").text()
    assert session.run("open('/mnt/data/stays').read()").value == "'still'"


def test_two_conversations(rung: Rung) -> None:
    with Session(rung, SMALL) as one, Session(rung, SMALL) as other:
        one.run("mine = 1\nopen('/mnt/data/mine', 'w').close()\nopen('/tmp/mine', 'w').close()")
        assert "NameError" in other.run("mine").text()
        assert (
            other.run("import os\nos.listdir('/mnt/data'), os.listdir('/tmp').count('mine')").value
            == "([], 0)"
        )


@pytest.mark.parametrize("nonce", ["", "0" * 32])
def test_an_answer_to_another_call_is_none(session: Session, nonce: str) -> None:
    """It costs the code its own process, and is never taken for what the cell gave."""
    output = session.run(
        f"""
import json, os
head = json.dumps({{"reason": "finished", "refused": [], "sizes": [6]}}).encode()
frame = {nonce!r}.encode() + len(head).to_bytes(4, "big") + head + b"forged"
for number in range(3, 1024):
    try: os.write(number, frame)
    except OSError: pass
"real"
"""
    )
    assert (output.reason, output.value) == (Reason.KILLED, "")
    assert session.run("'next'").value == "'next'"


# As the code finds the number of its own call, and what answers go through.
FORGE = """
import json, os, sys
frame = sys._getframe()
while "command" not in frame.f_locals: frame = frame.f_back
kernel, nonce = frame.f_locals["self"], frame.f_locals["command"]["nonce"]
def forge(*, size=None, body=b"", **head):
    words = json.dumps(head).encode()
    length = len(words) if size is None else size
    rest = memoryview(nonce.encode() + length.to_bytes(4, "big") + words + body)
    while rest: rest = rest[os.write(kernel._replies, rest):]
"""


@pytest.mark.parametrize(
    "code",
    [
        # As large as all pictures together: parsed, it would hold this process for half a minute, and take a gigabyte.
        "forge(size=48 << 20, body=b'[],' * 1_000_000)",
        "forge(reason='finished', refused=[], sizes=[1 << 40], body=b'x' * (1 << 20))",
        "forge(reason='finished', refused=[], sizes=[1, *[1] * 1000], body=b'x' * 1001)",
        "forge(reason='finished', sizes=[-1], body=b'')",
        "forge(reason='finished', sizes=[True], body=b'x')",
        "forge(reason='finished', sizes={}, body=b'x')",
        "forge(reason='finished', sizes=[], body=b'x')",
    ],
)
def test_no_answer_takes_more_than_it_may(session: Session, code: str) -> None:
    output = session.run(f"{FORGE}{code}\n'real'", timeout_s=20)
    assert (output.reason, output.value) == (Reason.KILLED, "")
    assert output.duration_s < 10
    assert session.run("'next'").value == "'next'"


def test_an_answer_of_the_codes_own(session: Session) -> None:
    """It can say what it likes of itself; its own process is the only one that is confused by it."""
    code = "forge(reason='no such', refused=[1, 'x' * 999, *['y'] * 99], sizes=[2, 4], body=b'\\xff!none')"
    output = session.run(f"{FORGE}{code}")
    assert (output.reason, output.value, output.images) == (Reason.ERROR, "\ufffd!", ())
    assert (len(output.refused), len(output.refused[0])) == (20, 200)
    # Its own answer may have come with the other one, or be the first that the next call hears.
    assert session.run("1").reason in (Reason.FINISHED, Reason.KILLED)
    assert session.run("'next'").value == "'next'"


@pytest.mark.parametrize(
    "data",
    [
        "b'\\xff' * 64",
        "b'\\x00' * 8",
        "b'0' * 32 + b'\\x00\\x00\\x00\\x02[]'",
        "b'0' * 32 + b'\\x00\\x01\\x00\\x00' + b'[' * 65536",
    ],
)
def test_garbage_instead_of_an_answer(session: Session, data: str) -> None:
    """It costs the code its own process at most."""
    code = f"import os\nfor n in range(3, 1024):\n    try: os.write(n, {data})\n    except OSError: pass"
    output = session.run(code, timeout_s=0.5)
    assert output.reason in (Reason.FINISHED, Reason.KILLED, Reason.TIMEOUT)
    assert session.run("'next'", timeout_s=5).value == "'next'"


def test_nothing_that_comes_out_is_unpickled(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        pytest.fail("read as a pickle, or as marshalled code")

    for module in (pickle, marshal):
        for name in ("load", "loads"):
            monkeypatch.setattr(module, name, never)
    assert session.run("print(1)\nopen('f', 'w').close()\n'value'").value == "'value'"
    assert session.files() == {"f": 0}


def test_much_output(session: Session) -> None:
    output = session.run("for n in range(20_000): print('line', n)")
    assert output.reason is Reason.FINISHED
    text = output.text(1000)
    assert text.startswith("line 0\n")
    assert text.endswith("line 19999")
    assert len(text) < 1100
    assert (
        output.stdout.num_left_out
        == sum(len(f"line {n}\n") for n in range(20_000)) - SMALL.output_bytes
    )
    whole = output.text()
    assert f"{output.stdout.num_left_out:,} bytes are left out here" in whole
    assert whole.count("\n") < 3000


def test_a_long_value(session: Session) -> None:
    output = session.run("'x' * 10_000_000")
    assert len(output.value) < 2 * SMALL.output_bytes
    assert output.value.startswith("'xxx")


def test_pictures(session: Session) -> None:
    pytest.importorskip("matplotlib")
    output = session.run(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.figure(); plt.plot([3])\nNone",
        timeout_s=60,
    )
    assert output.text() == "(the code ran to its end and drew 2 pictures)", output
    assert all(each.startswith(b"\x89PNG\r\n\x1a\n") for each in output.images)
    assert session.run("plt.get_fignums()").images == ()


def png(width: int, height: int) -> bytes:
    """The beginning of a picture."""
    size = struct.pack(">II", width, height)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + size + b"\x08\x06\x00\x00\x00????..."


def test_a_value_that_is_a_picture(session: Session) -> None:
    head = "class P:\n    def _repr_png_(self): return DATA\nP()"
    small = png(2, 1)
    assert session.run(head.replace("DATA", repr(small))).images == (small,)
    for data in ("b'<script>'", "'text'", "1 / 0"):
        assert session.run(head.replace("DATA", data)).images == ()


def test_a_picture_that_nobody_could_show(session: Session) -> None:
    """A few bytes spell any size: whoever shows it would take gigabytes."""
    data = png(50_000, 50_000)
    output = session.run(f"class P:\n    def _repr_png_(self): return {data!r}\nP()")
    assert output.images == ()
    assert "it has 50,000 x 50,000 pixels, 67,108,864 in all are the most" in str(output.stderr)
    forged = f"forge(reason='finished', refused=[], sizes=[0, {len(data)}], body={data!r})"
    assert session.run(f"{FORGE}{forged}").images == ()


def test_what_it_was_refused(session: Session) -> None:
    output = session.run(
        "import os, socket, subprocess\n"
        "for attempt in (lambda: open('/etc/passwd'), lambda: open('/usr/x', 'w'), socket.socket, os.fork,\n"
        "                lambda: subprocess.run(['pip', 'install', 'x'])):\n"
        "    try: attempt()\n"
        "    except OSError as error: last = error\n"
        "raise last"
    )
    assert output.refused == (
        "read: /etc/passwd",
        "write: /usr/x",
        "network: socket",
        "process: os.fork",
        "process: pip install x",
    )
    assert output.text().endswith(
        "(pip cannot work here: there is no network and no other process)\n(there is no network here)"
    )
    assert session.run("import numpy, json\nopen('a', 'w').close()").refused == ()


def test_what_a_library_tries_is_no_hint(session: Session) -> None:
    """It does without, and the code fails for another reason."""
    output = session.run(
        "import os\ntry: os.fork()\nexcept OSError: pass\nraise ValueError('another reason')"
    )
    assert output.refused == ("process: os.fork",)
    assert output.text().endswith("ValueError: another reason")


def test_cancelling_one_of_two(session: Session) -> None:
    """The one that waits for its turn is cancelled at once, and the one that runs goes on."""

    async def both() -> None:
        running = asyncio.create_task(session.run_async("import time\ntime.sleep(1)\n'done'"))
        await asyncio.sleep(0.2)
        waiting = asyncio.create_task(session.run_async("x = 1"))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not running.done()
        assert (await running).value == "'done'"

    asyncio.run(both())
    assert "NameError" in session.run("x").text()


def test_cancelling_what_runs(session: Session) -> None:
    session.run("kept = 1")
    began = time.monotonic()

    async def cancelled() -> None:
        task = asyncio.create_task(session.run_async("while True: pass"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert time.monotonic() - began < 2
    assert session.run("kept").value == "1"


def test_closing_while_a_cell_runs(session: Session) -> None:
    ended = []
    thread = threading.Thread(target=lambda: ended.append(session.run("while True: pass")))
    session.start()
    thread.start()
    time.sleep(0.2)
    session.close()
    thread.join(10)
    assert ended[0].reason is Reason.INTERRUPTED
    with pytest.raises(SandboxError, match="closed"):
        session.run("1")


def test_a_session_outlives_the_thread_that_opened_it(session: Session) -> None:
    """The kernel ends a process whose parent's thread ends, if it was asked to end it with its parent."""
    thread = threading.Thread(target=session.run, args=("x = 1",))
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert session.run("x").value == "1"


def test_no_descriptor_is_left(make_session: Callable[..., Session]) -> None:
    import os

    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    make_session().run("1")
    before = count()
    for code in ("1", "import os; os._exit(1)", "1 / 0"):
        with make_session() as session:
            session.run(code)
            session.run(code)
    assert count() == before


@pytest.mark.parametrize("code", [3, "x" * (1 << 20) + "y"])
def test_what_is_no_code(session: Session, code: object) -> None:
    with pytest.raises(RequestError):
        session.run(code)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "code", ["\0", "\ud800", "x = '\ud800'\nprint(x)", "(" * 5000, "'a' 'b' \\"]
)
def test_code_that_is_none(session: Session, code: str) -> None:
    assert session.run(code).reason in (Reason.ERROR, Reason.FINISHED, Reason.MEMORY)
    assert session.run("1").value == "1"
