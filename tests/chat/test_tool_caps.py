"""Each cap on a turn's tools, also against a round of more calls than a turn may have."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gptoss.chat import LoopLimits, Reply
from gptoss.chat.tool_policy import Cap
from gptoss.engine import FinishReason
from gptoss.harmony import ToolDescription
from gptoss.tools import Approval, Ending, Invocation, Tool
from tests.chat.test_tool_loop import ANSWER, FURTHER, call, results, talk
from tests.conftest import Script

BEYOND = "no more calls may be made in this turn. Nothing was done"


class Counting:
    """A tool that says how often it was called."""

    def __init__(self, pause_s: float = 0.0, text: str = "") -> None:
        self.num = 0
        self._pause_s = pause_s
        self._text = text

    def __call__(self, _: Invocation) -> str:
        self.num += 1
        time.sleep(self._pause_s)
        return self._text.replace("N", str(self.num)) or str(self.num)

    def tool(self, approval: Approval = Approval.ALLOW) -> Tool:
        return Tool(ToolDescription("add"), run=self, approval=approval)


def storm(num: int) -> str:
    """So many calls in one round, and an answer."""
    return call("{}", end=FURTHER) * (num - 1) + call("{}") + ANSWER


def stormed(model: Any, *tools: Tool, **more: Any) -> Reply:
    return talk(model, *tools, parallel_calls=True, **more).send("?")


@pytest.mark.parametrize(
    ("limits", "pause_s", "text", "cap"),
    [
        (LoopLimits(wall_s=1), 1.1, "", Cap.WALL_TIME),
        (LoopLimits(tool_s=1), 1.1, "", Cap.TOOL_TIME),
        (LoopLimits(results_tokens=16), 0.0, "5 6 " * 64, Cap.RESULTS),
        (LoopLimits(calls=1), 0.0, "", Cap.CALLS),
        (LoopLimits(rounds=1), 0.0, "", Cap.ROUNDS),
    ],
)
def test_a_cap_takes_the_tools_away(
    scripted_nano: Script, limits: LoopLimits, pause_s: float, text: str, cap: Cap
) -> None:
    counting = Counting(pause_s, text)
    chat = talk(scripted_nano(call("{}") + ANSWER), counting.tool(), tool_limits=limits)
    reply = chat.send("?")
    assert (reply.content, reply.capped, counting.num) == ("It is 5.", cap, 1)


@pytest.mark.parametrize(
    ("limits", "pause_s", "text", "cap", "num"),
    [
        (LoopLimits(wall_s=1), 1.1, "", Cap.WALL_TIME, 1),
        (LoopLimits(tool_s=1), 1.1, "", Cap.TOOL_TIME, 1),
        (LoopLimits(calls=3), 0.0, "", Cap.CALLS, 3),
        (LoopLimits(), 0.0, "5", Cap.REPETITION, 5),
    ],
)
def test_calls_of_one_round_end_at_a_cap(
    scripted_nano: Script, limits: LoopLimits, pause_s: float, text: str, cap: Cap, num: int
) -> None:
    """Those behind it had a second each, or were run as often as they were written."""
    counting = Counting(pause_s, text)
    reply = stormed(scripted_nano(storm(12)), counting.tool(), tool_limits=limits)
    assert (reply.content, reply.capped, counting.num) == ("It is 5.", cap, num)
    assert len(results(reply)) == 12
    assert all(BEYOND in told for told in results(reply)[num:])
    assert {run.result.ending for run in reply.tool_runs[num:]} == {Ending.SKIPPED}


def test_a_turn_without_a_grammar_ends_too(scripted_nano: Script) -> None:
    """Nothing keeps it from calling when the tools are gone: it did so until the context was full."""
    counting = Counting()
    script = call("{}") * 9
    limits = LoopLimits(rounds=2)
    chat = talk(scripted_nano(script), counting.tool(), tool_limits=limits, grammar=False)
    reply = chat.send("?")
    assert (counting.num, reply.capped) == (2, Cap.ROUNDS)
    assert (reply.finish_reason, len(reply.tool_runs)) == (FinishReason.LENGTH, 3)
    assert BEYOND in results(reply)[-1]


def test_results_of_one_round_that_fill_the_context(scripted_nano: Script) -> None:
    counting = Counting(text="N 6 " * 2048)
    reply = stormed(scripted_nano(storm(10)), counting.tool())
    assert (reply.content, reply.capped) == ("It is 5.", Cap.CONTEXT)
    assert counting.num < 10
    assert BEYOND in results(reply)[-1]


def test_nobody_is_asked_about_a_call_that_is_not_run(scripted_nano: Script) -> None:
    asked: list[str] = []

    def approve(request: object) -> bool:
        asked.append("?")
        return True

    counting = Counting()
    tool = counting.tool(Approval.ASK)
    stormed(scripted_nano(storm(4)), tool, approve=approve, tool_limits=LoopLimits(calls=2))
    assert (len(asked), counting.num) == (2, 2)
