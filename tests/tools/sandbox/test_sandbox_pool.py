"""The sandboxes of many conversations: one each, bounded, reaped."""

from __future__ import annotations

import threading
import time

import pytest

from gptoss.errors import SandboxError
from gptoss.tools.sandbox import Rung, SandboxPool
from tests.tools.sandbox.conftest import SMALL


def test_one_for_each_conversation(rung: Rung) -> None:
    with SandboxPool(rung=rung.name, limits=SMALL) as pool:
        one, other = pool.session("one"), pool.session("other")
        assert pool.session("one") is one is not other
        one.run("x = 1")
        assert one.run("x").value == "1"
        assert "NameError" in other.run("x").text()
        assert pool.find("none") is None
        assert pool.end("one")
        assert not pool.end("one")
        assert "NameError" in pool.session("one").run("x").text()
    with pytest.raises(SandboxError, match="closed"):
        pool.session("one")


def test_one_that_is_held_makes_no_room(rung: Rung) -> None:
    """Between its cells, however long whoever holds it thinks."""
    with SandboxPool(rung=rung.name, limits=SMALL, most=1) as pool:
        pool.session("a").run("kept = 1")
        hold = pool.session("a").hold()
        with pytest.raises(SandboxError, match="all 1 sandboxes are at work"):
            pool.session("b")
        hold.release()
        hold.release()
        pool.session("b")
        assert pool.find("a") is None


def test_no_more_than_allowed(rung: Rung) -> None:
    with SandboxPool(rung=rung.name, limits=SMALL, most=2) as pool:
        pool.session("a").run("1")
        pool.session("b").run("1")
        pool.session("a").run("kept = 1")
        # The one that is idle for longest makes room.
        pool.session("c").run("1")
        assert len(pool) == 2
        assert pool.find("b") is None
        assert pool.session("a").run("kept").value == "1"


def test_all_at_work(rung: Rung) -> None:
    with SandboxPool(rung=rung.name, limits=SMALL, most=1) as pool:
        session = pool.session("a")
        session.start()
        thread = threading.Thread(target=session.run, args=("import time; time.sleep(20)",))
        thread.start()
        while not session.is_busy:
            time.sleep(0.01)
        with pytest.raises(SandboxError, match="at work"):
            pool.session("b")
        session.interrupt()
        thread.join()
        assert pool.session("b").run("2").value == "2"


def test_idle_ones_are_closed(rung: Rung) -> None:
    with SandboxPool(rung=rung.name, limits=SMALL, idle_s=0.3) as pool:
        session = pool.session("a")
        session.run("1")
        busy = pool.session("b")
        assert busy.run("import time; time.sleep(0.8); 3").value == "3"
        until = time.monotonic() + 5
        while pool.find("a") is not None and time.monotonic() < until:
            time.sleep(0.02)
        assert pool.find("a") is None
        with pytest.raises(SandboxError, match="closed"):
            session.run("1")


def test_closing_ends_what_runs(rung: Rung) -> None:
    pool = SandboxPool(rung=rung.name, limits=SMALL)
    sessions = [pool.session(str(n)) for n in range(3)]
    for session in sessions:
        session.start()
    threads = [threading.Thread(target=s.run, args=("while True: pass",)) for s in sessions]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    began = time.monotonic()
    pool.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert time.monotonic() - began < 5
