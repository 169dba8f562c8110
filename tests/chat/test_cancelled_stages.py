"""A turn is ended at each of its stages: soon, without a further call, and with nothing left in the engine."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gptoss.chat import (
    ApprovalAsked,
    Chat,
    Reply,
    ToolOutput,
    ToolPolicy,
    ToolRunFinished,
    ToolRunStarted,
    TurnEvent,
    TurnFinished,
    TurnRequest,
    begin_turns,
    tool_set,
)
from gptoss.chat.turn import Turn
from gptoss.engine import FinishReason, SamplingParams
from gptoss.harmony import ContentDelta, Message, ReasoningDelta, Role, ToolDescription
from gptoss.runtime import LoadedModel
from gptoss.tools import Approval, ApprovalRequest, Decision, Ending, Invocation, Tool
from tests.chat.test_tool_loop import ANSWER, THINK, call, talk
from tests.conftest import Script, ids_of
from tests.levels import stride

SCRIPT = THINK + call("{}", "look") + THINK + call("{}", "write") + THINK + ANSWER
# Within so many seconds, on a busy machine.
SOON_S = 10.0


class Told:
    """Two tools that say when they run, the second of which is asked for."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def tools(self) -> list[Tool]:
        look, write = (
            Tool(ToolDescription(name), run=self._run(name)) for name in ("look", "write")
        )
        return [look, replace(write, approval=Approval.ASK)]

    def _run(self, name: str) -> Callable[[Invocation], object]:
        def run(invocation: Invocation) -> str:
            self.ran.append(name)
            invocation.tell("at work")
            return name

        return run


def begun(model: LoadedModel, told: Told) -> Turn:
    request = TurnRequest(
        messages=[Message(Role.USER, "?")],
        tools=tool_set(told.tools()),
        sampling=SamplingParams(temperature=0),
        policy=ToolPolicy(approve=lambda _: True),
    )
    (turn,) = begin_turns(model, request)
    return turn


def read(turn: Turn, act: Callable[[TurnEvent], object], *, is_async: bool) -> list[TurnEvent]:
    """Its events, each told to `act` before the next one is asked for."""
    events: list[TurnEvent] = []

    def take(event: TurnEvent) -> None:
        events.append(event)
        act(event)

    async def read_async() -> None:
        async for event in turn.events_async():
            take(event)

    if is_async:
        asyncio.run(read_async())
    else:
        for event in turn.events():
            take(event)
    return events


def last_of(events: list[TurnEvent]) -> Reply:
    last = events[-1]
    assert isinstance(last, TurnFinished)
    return last.reply


def require_rest(model: LoadedModel) -> None:
    """Nothing is computed for it any more."""
    until = time.monotonic() + SOON_S
    while model.load_now.running or model.load_now.waiting:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_turn_is_ended_at_each_event(scripted_nano: Script, is_async: bool) -> None:
    model, whole = scripted_nano(SCRIPT), Told()
    script = ids_of(SCRIPT, model.tokenizer)
    events = read(begun(model, whole), lambda _: None, is_async=is_async)
    assert whole.ran == ["look", "write"]
    kinds = {type(event) for event in events}
    assert kinds >= {ReasoningDelta, ToolRunStarted, ApprovalAsked, ToolOutput, ToolRunFinished}
    assert kinds >= {ContentDelta, TurnFinished}
    # Each step's own events, and some of the many deltas.
    deltas = (ReasoningDelta, ContentDelta)
    places = [at for at, each in enumerate(events) if not isinstance(each, deltas)]
    for place in sorted({*places[:-1], *range(0, len(events) - 1, stride(9))}):
        model.transformer.script = list(script)  # type: ignore[attr-defined]
        _end_at(place, model, is_async=is_async)


def _end_at(place: int, model: LoadedModel, *, is_async: bool) -> None:
    told = Told()
    turn = begun(model, told)
    num, ran, began = 0, 0, 0.0

    def act(event: TurnEvent) -> None:
        nonlocal num, ran, began
        if num == place:
            turn.cancel()
            ran, began = len(told.ran), time.monotonic()
        num += 1

    events = read(turn, act, is_async=is_async)
    assert time.monotonic() - began < SOON_S
    assert last_of(events).finish_reason is FinishReason.CANCELLED, place
    assert len(told.ran) == ran, place
    # A call that was begun is told to its end, and none is left out.
    started = sum(isinstance(event, ToolRunStarted) for event in events)
    assert started == sum(isinstance(event, ToolRunFinished) for event in events)
    require_rest(model)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("kind", [ReasoningDelta, ToolRunStarted, ApprovalAsked, ContentDelta])
def test_whoever_leaves_at_a_stage_leaves_nothing_behind(
    scripted_nano: Script, kind: type[TurnEvent], is_async: bool
) -> None:
    model, told = scripted_nano(SCRIPT), Told()
    turn = begun(model, told)

    async def leave_async() -> None:
        events = turn.events_async()
        async for event in events:
            if isinstance(event, kind):
                break
        await events.aclose()

    if is_async:
        asyncio.run(leave_async())
    else:
        events = turn.events()
        next(event for event in events if isinstance(event, kind))
        events.close()  # type: ignore[attr-defined]
    ran = list(told.ran)
    assert ran == {ApprovalAsked: ["look"], ContentDelta: ["look", "write"]}.get(kind, [])
    require_rest(model)
    time.sleep(0.1)
    assert told.ran == ran


@pytest.mark.parametrize("stops_tool", [False, True])
@pytest.mark.parametrize("way", ["coroutine", "function", "coroutine of a function"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_turn_is_ended_while_a_person_is_asked(
    scripted_nano: Script, way: str, is_async: bool, stops_tool: bool
) -> None:
    """It waited for the answer, for five minutes, and ran the call if that was yes."""
    if way == "function" and not is_async:
        pytest.skip("the person is asked on this very thread")
    asked, ended = threading.Event(), threading.Event()

    async def approve_async(_: ApprovalRequest) -> Decision:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Decision(True)

    def approve(_: ApprovalRequest) -> Decision:
        asked.set()
        ended.wait(60)
        return Decision(True)

    told = Told()
    approver: Any = {"coroutine": approve_async, "function": approve}.get(
        way, lambda request: approve_async(request)
    )
    chat = talk(scripted_nano(call("{}", "write") + ANSWER), *told.tools(), approve=approver)
    stopping: list[float] = []
    thread = threading.Thread(target=_stop, args=(chat, asked, stopping, stops_tool))
    thread.start()
    reply = asyncio.run(chat.send_async("?")) if is_async else chat.send("?")
    thread.join()
    assert time.monotonic() - stopping[0] < SOON_S
    if way != "function":
        # Nobody is asked any more.
        assert ended.wait(SOON_S)
    ended.set()
    (run,) = reply.tool_runs
    assert (run.result.ending, run.told) == (
        Ending.CANCELLED,
        "the call was stopped before it began",
    )
    wanted = FinishReason.STOP if stops_tool else FinishReason.CANCELLED
    assert (reply.finish_reason, told.ran) == (wanted, [])


def _stop(chat: Chat, asked: threading.Event, stopping: list[float], stops_tool: bool) -> None:
    assert asked.wait(60)
    stopping.append(time.monotonic())
    if stops_tool:
        assert chat.stop_tool()
    else:
        chat.stop()


def test_nobody_is_asked_for_a_turn_that_has_ended(scripted_nano: Script) -> None:
    asked: list[str] = []
    told = Told()

    def approve(request: ApprovalRequest) -> bool:
        asked.append(request.recipient)
        return True

    chat = talk(scripted_nano(call("{}", "write") + ANSWER), *told.tools(), approve=approve)
    for event in chat.stream("?"):
        if isinstance(event, ApprovalAsked):
            chat.stop()
    assert (asked, told.ran) == ([], [])
