"""The one description of a turn: its opening, its rules, and a beginning that is gone on with."""

from __future__ import annotations

from typing import Any

import pytest

from gptoss.chat import TurnLimits, TurnRequest, from_chat, tool_set
from gptoss.errors import ContinuationError, SchemaError
from gptoss.harmony import (
    PYTHON,
    DeveloperContent,
    Effort,
    Message,
    ResponseFormat,
    Role,
    SystemContent,
    ToolDescription,
    functions,
)
from gptoss.structured import AnswerKind, ToolChoice, TurnRules
from gptoss.tools import ToolSet

HI = Message(Role.USER, "Hi")
WISH = Message(Role.DEVELOPER, DeveloperContent("Be brief."))
F = ToolDescription("f")
SCHEMA = {"type": "json_schema", "json_schema": {"name": "sum", "schema": {"type": "object"}}}


def asked(*messages: Message, **more: Any) -> TurnRequest:
    return TurnRequest(messages=messages, current_date="2026-01-02", **more)


class TestOpening:
    def test_of_nothing_but_a_question(self) -> None:
        system = SystemContent(current_date="2026-01-02", effort=Effort.HIGH)
        found = asked(HI, effort=Effort.HIGH)
        assert found.conversation == (Message(Role.SYSTEM, system), HI)

    def test_takes_in_what_was_wished_first(self) -> None:
        found = asked(WISH, HI, tools=tool_set([F]), response_format=SCHEMA).conversation
        told = ResponseFormat("sum", {"type": "object"})
        wanted = DeveloperContent("Be brief.", (functions([F]),), (told,))
        assert found[1:] == (Message(Role.DEVELOPER, wanted), HI)

    def test_instructions_come_before_what_was_wished(self) -> None:
        found = asked(WISH, HI, instructions="Be kind.").conversation
        kind = Message(Role.DEVELOPER, DeveloperContent("Be kind."))
        assert found[1:] == (kind, WISH, HI)

    def test_tools_of_a_first_message_stay(self) -> None:
        own = Message(Role.DEVELOPER, DeveloperContent(None, (functions([F]),)))
        developer = asked(own, HI).conversation[1]
        assert developer == own

    def test_built_in_tools_are_the_system_s(self) -> None:
        system = asked(HI, tools=tool_set([PYTHON])).conversation[0].content
        assert isinstance(system, SystemContent)
        assert system.tools == (PYTHON,)

    def test_one_that_is_brought_stays_as_it_is(self) -> None:
        own = Message(Role.SYSTEM, SystemContent(identity="Somebody."))
        found = asked(own, WISH, HI, effort=Effort.HIGH, instructions="Be kind.")
        assert found.conversation == (own, WISH, HI)


class TestRules:
    def test_of_tools_choice_format_and_effort(self) -> None:
        found = asked(
            HI,
            tools=tool_set([F]),
            tool_choice="required",
            parallel_calls=True,
            response_format=SCHEMA,
            reasons=False,
        ).rules
        assert [tool.recipient for tool in found.tools] == ["functions.f"]
        assert found.choice is ToolChoice.REQUIRED
        assert found.answer.kind is AnswerKind.JSON_SCHEMA
        assert found.has_several_calls
        assert not found.reasons

    def test_what_cannot_be_met_is_said_when_the_request_is_made(self) -> None:
        with pytest.raises(SchemaError, match="no tool is declared"):
            asked(HI, tool_choice="required")
        with pytest.raises(SchemaError, match="wanted 'json_schema', 'text'"):
            asked(HI, response_format={"type": "poem"})

    def test_without_a_grammar_there_are_none(self) -> None:
        assert asked(HI, tool_choice="required", grammar=False).rules == TurnRules()

    def test_tools_of_an_opening_that_is_brought_may_be_called(self) -> None:
        said = from_chat([{"role": "user", "content": "Hi"}], tools=[{"name": "f"}])
        assert asked(*said).rules.choice is ToolChoice.AUTO
        choice = {"type": "function", "function": {"name": "f"}}
        found = asked(*said, tool_choice=choice).rules
        assert [tool.recipient for tool in found.callable] == ["functions.f"]
        own = Message(Role.SYSTEM, SystemContent(tools=(PYTHON,)))
        assert [t.recipient for t in asked(own, HI).rules.callable] == ["python"]


class TestBeginnings:
    @pytest.mark.parametrize("channel", ["analysis", "final"])
    def test_are_no_part_of_the_conversation(self, channel: str) -> None:
        begun = Message(Role.ASSISTANT, "Well", channel)
        found = asked(HI, begun, continues=True)
        assert found.continuation == begun
        assert found.conversation[-1] == HI
        assert asked(HI, begun).continuation is None

    @pytest.mark.parametrize(
        "last",
        [
            None,
            HI,
            Message(Role.ASSISTANT, "Look", "commentary"),
            Message(Role.ASSISTANT, "{}", "commentary", "functions.f"),
        ],
        ids=["nothing", "a question", "a preamble", "a call"],
    )
    def test_that_are_none(self, last: Message | None) -> None:
        with pytest.raises(ContinuationError, match="cannot be gone on with"):
            asked(*([] if last is None else [last]), continues=True)


def test_limits_take_one_stop_string_or_several() -> None:
    assert TurnLimits.of(1, 2, "a") == TurnLimits(1, 2, ("a",))
    assert TurnLimits.of(None, None, ["a", "b"]).stop == ("a", "b")


def test_tools_are_none_by_themselves() -> None:
    assert asked(HI).tools == ToolSet()
