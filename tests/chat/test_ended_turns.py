"""Turns that are ended between their steps, and what their rounds have in common."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from gptoss.chat import (
    Chat,
    Reply,
    ToolRunFinished,
    TurnEvent,
    TurnFinished,
    TurnRequest,
    begin_turns,
    tool_set,
)
from gptoss.chat.turn import Turn
from gptoss.engine import FinishReason, Request, SamplingParams
from gptoss.engine.worker import Generation
from gptoss.errors import QueueFullError
from gptoss.harmony import Message, Role
from gptoss.runtime import LoadedModel
from gptoss.structured import CompiledTurn, TurnRules
from gptoss.tools import Approval, ApprovalRequest, function_tool
from tests.conftest import Script

CALL = ' to=functions.add<|channel|>commentary <|constrain|>json<|message|>{"a": 2, "b": 3}<|call|>'
ANSWER = "<|channel|>final<|message|>It is 5.<|return|>"


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def begun(model: LoadedModel, *tools: Callable[..., object], choice: object = None) -> Turn:
    request = TurnRequest(
        messages=[Message(Role.USER, "What is 2 + 3?")],
        tools=tool_set(tools or (add,)),
        tool_choice=choice,
        sampling=SamplingParams(temperature=0),
    )
    (turn,) = begin_turns(model, request)
    return turn


def read(turn: Turn, act: Callable[[TurnEvent], object], *, is_async: bool) -> Reply:
    """The reply of a turn whose events are told to `act`."""

    async def read_async() -> TurnEvent:
        async for event in turn.events_async():
            act(event)
        return event

    def read_here() -> TurnEvent:
        for event in turn.events():
            act(event)
        return event

    last = asyncio.run(read_async()) if is_async else read_here()
    assert isinstance(last, TurnFinished)
    return last.reply


both = pytest.mark.parametrize("is_async", [False, True])


@both
def test_a_call_that_is_not_run_is_not_the_callers(scripted_nano: Script, is_async: bool) -> None:
    """Cancelled when its generation is over and the call has not begun."""
    turn = begun(scripted_nano(CALL + ANSWER))
    taken = turn._close_round

    def close(reply: Reply) -> None:
        taken(reply)
        turn.cancel()

    turn._close_round = close  # type: ignore[method-assign]
    reply = read(turn, lambda _: None, is_async=is_async)
    assert (reply.finish_reason, reply.tool_calls) == (FinishReason.CANCELLED, ())
    assert not reply.tool_runs


class Full:
    """A model's queue and compiler that have no room, for a while or for ever."""

    def __init__(self, model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.num_refused = 0
        self.num_left: float = 0
        submit, compile_rules = model.submit_all, model.turns.compile

        def submit_all(requests: Iterable[Request]) -> list[Generation]:
            self._refuse()
            return submit(requests)

        def compiled(rules: TurnRules, is_over: Callable[[], bool]) -> CompiledTurn:
            self._refuse()
            return compile_rules(rules, is_over)

        monkeypatch.setattr(model, "submit_all", submit_all)
        monkeypatch.setattr(model.turns, "compile", compiled)

    def _refuse(self) -> None:
        if self.num_left > 0:
            self.num_left -= 1
            self.num_refused += 1
            raise QueueFullError("no room")


@both
def test_whoever_waits_for_a_place_can_be_ended(
    scripted_nano: Script, monkeypatch: pytest.MonkeyPatch, is_async: bool
) -> None:
    model = scripted_nano(CALL + ANSWER)
    turn = begun(model)
    full = Full(model, monkeypatch)
    ended: list[float] = []

    def cancel() -> None:
        ended.append(time.monotonic())
        turn.cancel()

    def act(event: TurnEvent) -> None:
        if isinstance(event, ToolRunFinished):
            full.num_left = float("inf")
            threading.Timer(0.3, cancel).start()

    reply = read(turn, act, is_async=is_async)
    assert time.monotonic() - ended[0] < 10
    assert full.num_refused > 1
    assert reply.finish_reason is FinishReason.CANCELLED
    assert [run.result.text for run in reply.tool_runs] == ["5"]


def test_a_turn_waits_for_a_place_and_for_the_compiler(
    scripted_nano: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = scripted_nano(CALL + ANSWER)
    turn = begun(model)
    full = Full(model, monkeypatch)
    full.num_left = 2
    reply = read(turn, lambda _: None, is_async=False)
    assert (reply.content, full.num_refused) == ("It is 5.", 2)


def test_nothing_generates_for_whoever_has_gone(
    scripted_nano: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they go while the next round is being begun on its thread."""
    model = scripted_nano(CALL + ANSWER)
    turn = begun(model)
    submit = model.submit_all
    is_there, is_left = threading.Event(), threading.Event()
    made: list[Generation] = []

    def slow(requests: Iterable[Request]) -> list[Generation]:
        is_there.set()
        assert is_left.wait(60)
        made.extend(submit(requests))
        return made

    monkeypatch.setattr(model, "submit_all", slow)

    async def leave() -> None:
        task = asyncio.create_task(_read_all(turn))
        await asyncio.to_thread(is_there.wait, 60)
        task.cancel()
        await asyncio.wait({task})
        is_left.set()
        while not (made and made[0].finish_reason):
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(leave(), 60))
    assert made[0].finish_reason is FinishReason.CANCELLED


async def _read_all(turn: Turn) -> None:
    async for _ in turn.events_async():
        pass


def test_a_turn_needs_none_of_the_loops_own_threads(scripted_nano: Script) -> None:
    """They are few, and what waits there for a place would hold up all else that uses them."""
    turn = begun(scripted_nano(CALL + ANSWER))
    is_done = threading.Event()

    async def answer() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, partial(is_done.wait, 60))
        try:
            await asyncio.wait_for(_read_all(turn), 30)
        finally:
            is_done.set()
            await busy

    asyncio.run(answer())


def test_a_person_who_never_answers_holds_up_no_end(scripted_nano: Script) -> None:
    is_over = threading.Event()

    def approve(_: ApprovalRequest) -> bool:
        is_over.wait(60)
        return True

    tool = replace(function_tool(add), approval=Approval.ASK)
    chat = Chat(scripted_nano(CALL + ANSWER), temperature=0, tools=[tool], approve=approve)
    chat.policy = replace(chat.policy, approve_s=0.05)
    began = time.monotonic()
    reply = asyncio.run(chat.send_async("?"))
    assert time.monotonic() - began < 30
    is_over.set()
    assert "nobody has allowed it within 0.05 s" in reply.tool_runs[0].told


@pytest.mark.parametrize("seed", [None, 7])
def test_all_rounds_have_the_seed_that_is_told(
    scripted_nano: Script, monkeypatch: pytest.MonkeyPatch, seed: int | None
) -> None:
    """Or the turn could not be had again by it."""
    model = scripted_nano(CALL + CALL + ANSWER)
    submit = model.submit_all
    made: list[Generation] = []

    def noted(requests: Iterable[Request]) -> list[Generation]:
        made.extend(found := submit(requests))
        return found

    monkeypatch.setattr(model, "submit_all", noted)
    reply = Chat(model, temperature=0, seed=seed, tools=[add]).send("?")
    assert [each.seed for each in made] == [reply.seed] * 3
    assert seed in (None, reply.seed)


@pytest.mark.parametrize(
    ("choice", "later"),
    [
        ({"type": "function", "name": "add"}, None),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "add"}],
            },
            ("functions.add",),
        ),
    ],
)
def test_tools_that_are_not_allowed_never_are(
    scripted_nano: Script,
    monkeypatch: pytest.MonkeyPatch,
    choice: object,
    later: tuple[str, ...] | None,
) -> None:
    """One that is named is called first, and any may follow; a list of those allowed holds for the whole turn."""

    def subtract(a: int, b: int) -> int:
        """Subtracts two numbers."""
        return a - b

    model = scripted_nano(CALL + ANSWER)
    turn = begun(model, add, subtract, choice=choice)
    compile_rules = model.turns.compile
    seen: list[TurnRules] = []

    def compiled(rules: TurnRules, is_over: Callable[[], bool]) -> CompiledTurn:
        seen.append(rules)
        return compile_rules(rules, is_over)

    monkeypatch.setattr(model.turns, "compile", compiled)
    read(turn, lambda _: None, is_async=False)
    assert [each.allowed for each in seen] == [later]
