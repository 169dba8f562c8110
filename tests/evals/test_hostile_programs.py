"""Programs that would cheat or harm: each gets a clean verdict, in its time, on each rung."""

from __future__ import annotations

import secrets
import socket
import time

import pytest

from gptoss.evals.code.programs import Grader, ProgramTester
from gptoss.evals.code.verdict import Case, Judged, Verdict
from gptoss.tools.sandbox import Interruption, RungName
from tests.evals.rungs import usable

_LIMIT_S = 0.6
# Five times the limit by the clock, and a second for its end; a busy machine may take its time to start a process.
_MOST_S = 5 * _LIMIT_S + 1 + 10

_SEARCH = """
import gc, os, sys
found = set()
def look(value):
    if isinstance(value, str):
        text = value
    elif isinstance(value, (bytes, bytearray)):
        text = bytes(value).decode("latin-1")
    else:
        return
    at = text.find("hidden" + "-")
    if at >= 0 and len(text) >= at + 39:
        found.add(text[at:at + 39])
frame = sys._getframe()
while frame:
    for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
        look(value)
    for value in frame.f_code.co_consts:
        look(value)
    frame = frame.f_back
for held in gc.get_objects():
    try:
        for value in gc.get_referents(held):
            look(value)
    except Exception:
        pass
for folder in ("/mnt/data", "/tmp", "."):
    for name in os.listdir(folder):
        try:
            look(open(os.path.join(folder, name), "rb").read())
        except OSError:
            pass
for number in range(3, 1024):
    try:
        os.set_blocking(number, False)
        look(os.read(number, 1 << 20))
    except OSError:
        pass
print("\\n".join(sorted(found)))
"""
_FORGE = """
import json, os, struct
for reply in ({"reason": "finished", "value": "'yes'"}, {"verdict": "passed", "passed": True, "score": 1}):
    body = json.dumps({"nonce": "", **reply}).encode()
    for number in range(0, 64):
        try:
            os.write(number, struct.pack(">I", len(body)) + body)
        except OSError:
            pass
for name in ("verdict", "result.json", "/mnt/data/verdict", "/tmp/passed"):
    try:
        open(name, "w").write("passed")
    except OSError:
        pass
print("passed")
"""
ATTACKS = {
    "fork bomb": ("import os\nwhile True:\n    os.fork()", {Verdict.ERROR}),
    "fork bomb that goes on": (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        {Verdict.TIME},
    ),
    "processes": ("import subprocess\nsubprocess.run(['sleep', '9'])", {Verdict.ERROR}),
    "memory": ("held = []\nwhile True:\n    held.append(bytearray(1 << 22))", {Verdict.MEMORY}),
    "memory at once": ("x = bytearray(1 << 45)", {Verdict.MEMORY}),
    "memory in the end": ("x = 'x' * (1 << 45)", {Verdict.MEMORY}),
    "endless loop": ("while True: pass", {Verdict.TIME}),
    "endless loop that catches all": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        {Verdict.TIME},
    ),
    "endless wait": ("import time\nwhile True: time.sleep(1)", {Verdict.TIME}),
    "endless loop in C": ("sum(range(10 ** 12))", {Verdict.TIME}),
    "threads": (
        "import threading\ndef work():\n    while True: pass\n"
        "for _ in range(4): threading.Thread(target=work).start()",
        {Verdict.TIME},
    ),
    "endless output": ("while True: print('x' * 1000)", {Verdict.OUTPUT, Verdict.TIME}),
    "endless errors": (
        "import sys\nwhile True: sys.stderr.write('x' * 100000)",
        {Verdict.OUTPUT, Verdict.TIME},
    ),
    "a full disk": (
        "while True:\n    with open('file', 'ab') as file: file.write(bytes(1 << 22))",
        {Verdict.ERROR, Verdict.TIME},
    ),
    "a file of the host": ("print(open('/etc/passwd').read())", {Verdict.ERROR}),
    "the parent": (
        "import os\nos.kill(os.getppid(), 9)\nprint('still here')",
        {Verdict.ERROR, Verdict.WRONG},
    ),
    "all processes": ("import os\nos.kill(-1, 9)", {Verdict.ERROR}),
    "its own end": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", {Verdict.ERROR}),
    "a crash": ("import ctypes\nctypes.string_at(0)", {Verdict.ERROR}),
    "its own descriptors": ("import os\nos.closerange(0, 256)\nprint('yes')", {Verdict.ERROR}),
    "an interrupt": ("raise KeyboardInterrupt", {Verdict.ERROR}),
    "a claim": (_FORGE, {Verdict.WRONG, Verdict.ERROR}),
    "a claim by an exit": ("import sys\nsys.exit(0)", {Verdict.WRONG}),
    "a claim by an exit at once": ("import os\nos._exit(0)", {Verdict.WRONG}),
    "a changed comparison": (
        "class Same(str):\n    __eq__ = lambda *_: True\n    __hash__ = str.__hash__\nprint(Same('no'))",
        {Verdict.WRONG},
    ),
}


def _judged(name: RungName, grader: Grader, code: str, *cases: Case) -> Judged:
    tester = ProgramTester(
        rung=usable(name), grader=grader, time_limit_s=_LIMIT_S, memory_bytes=256 << 20
    )
    return tester.judged(code, cases, Interruption())


@pytest.mark.parametrize("grader", list(Grader))
@pytest.mark.parametrize("name", list(RungName))
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.wide(3)
def test_an_attack_gets_a_verdict_of_its_own_fault(
    name: RungName, grader: Grader, attack: str
) -> None:
    code, verdicts = ATTACKS[attack]
    if grader is Grader.OFFICIAL:
        # What a program prints is kept in its own memory there.
        verdicts = verdicts | ({Verdict.MEMORY} if Verdict.OUTPUT in verdicts else set())
        # It may have said what is right before: whether that is heard goes by the number of the descriptor.
        if attack == "its own descriptors":
            verdicts = {*verdicts, Verdict.PASSED}
        # Nor are threads waited for, nor an end of the process heard of.
        if attack in ("its own descriptors", "threads"):
            verdicts = {*verdicts, Verdict.WRONG}
        if attack == "a claim by an exit at once":
            verdicts = {Verdict.ERROR}
    began = time.monotonic()
    judged = _judged(name, grader, code, Case("1\n", "yes"))
    assert judged.verdict in verdicts, judged
    assert time.monotonic() - began < _MOST_S


@pytest.mark.parametrize("name", list(RungName))
def test_a_program_that_searches_for_what_is_expected_finds_what_it_was_given_alone(
    name: RungName,
) -> None:
    secret = f"hidden-{secrets.token_hex(16)}"
    tester = ProgramTester(rung=usable(name), memory_bytes=1 << 30)
    # The search works: what it was given, it finds.
    found = tester.judged(_SEARCH, [Case(secret, secret)], Interruption())
    assert found.verdict is Verdict.PASSED, found
    for number in (1, 2):
        cases = [Case("", ""), Case("", secret), Case("", "later")][-number:]
        found = tester.judged(_SEARCH, cases, Interruption())
        assert (found.verdict, found.said) == (Verdict.WRONG, "printed ''")


@pytest.mark.parametrize("name", list(RungName))
def test_no_program_reaches_a_listener(name: RungName) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1).send(b'x')\nprint('yes')"
        judged = _judged(name, Grader.SUBPROCESS, code, Case("", "yes"))
        assert judged.verdict is Verdict.ERROR
        with pytest.raises(TimeoutError):
            listener.accept()
        # It listens: from here, it is reached.
        with socket.create_connection(("127.0.0.1", port), 5):
            listener.settimeout(5)
            listener.accept()[0].close()
