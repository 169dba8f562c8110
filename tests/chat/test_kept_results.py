"""Results that are too long to be read at once: the model reads on in them, within its turn and within its limits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gptoss.chat import Chat, LoopLimits, Reply
from gptoss.harmony import ToolDescription
from gptoss.tools import Ending, Tool, kept_results
from gptoss.tools.clipping import clipped, page
from gptoss.tools.kept_results import KeptResults
from tests.conftest import Script

ANSWER = "<|channel|>final<|message|>It is 5.<|return|>"
TEXT = " ".join(f"line{number}" for number in range(120))
HINT = re.compile(r'call functions\.read_result with (\{"result":(\d+),"start":(\d+)\})\]')
GO_ON = re.compile(r"\[([\d,]+) characters are left; go on with start (\d+)\]$")


def call(arguments: str = "{}", name: str = "look") -> str:
    return (
        f" to=functions.{name}<|channel|>commentary <|constrain|>json<|message|>{arguments}<|call|>"
    )


def read(result: int, start: int) -> str:
    return call(json.dumps({"result": result, "start": start}), "read_result")


def look(text: str = TEXT, **more: Any) -> Tool:
    return Tool(ToolDescription("look"), run=lambda _: text, **more)


def talk(model: Any, *tools: Tool, **more: Any) -> Chat:
    limits = LoopLimits(result_tokens=150, **more)
    return Chat(model, temperature=0, tools=list(tools) or [look()], tool_limits=limits)


def told(reply: Reply) -> list[str]:
    return [run.told for run in reply.tool_runs]


def test_the_model_pages_through_to_the_end(scripted_nano: Script) -> None:
    """Each page begins where the one before ended; together they are the whole, and none is longer than a result."""
    starts = [0]
    first = talk(scripted_nano(call() + ANSWER)).send("?")
    assert HINT.search(told(first)[0])
    script, pages = call(), []
    tokenizer = scripted_nano(ANSWER).tokenizer
    at: int | None = 0
    while at is not None:
        text = page(TEXT, at, tokenizer, 150)
        pages.append(text)
        script += read(1, at)
        found = GO_ON.search(text)
        at = None if found is None else int(found[2])
        starts.append(at or 0)
    reply = talk(scripted_nano(script + ANSWER)).send("?")
    assert told(reply)[1:] == pages
    assert len(pages) > 3
    assert all(len(tokenizer.encode(each)) <= 150 for each in pages)
    assert "".join(GO_ON.sub("", each).removesuffix("\n") for each in pages) == TEXT
    assert (reply.content, reply.capped) == ("It is 5.", None)
    assert [run.recipient for run in reply.tool_runs][1:] == ["functions.read_result"] * len(pages)


def test_what_is_told_leads_to_what_was_left_out(scripted_nano: Script) -> None:
    first = told(talk(scripted_nano(call() + ANSWER)).send("?"))[0]
    hint = HINT.search(first)
    assert hint is not None
    start = int(hint[3])
    head, _, _ = first.partition("\n[")
    assert TEXT[:start] == head
    second = told(talk(scripted_nano(call() + read(1, start) + ANSWER)).send("?"))[1]
    assert TEXT[start:].startswith(second.partition("\n[")[0])


def test_it_cannot_be_called_before_a_result_was_cut(scripted_nano: Script) -> None:
    """Nor in a turn whose results are short: the grammar has no such call."""
    short = look("five")
    chat = talk(scripted_nano(call() + ANSWER), short)
    assert told(chat.send("?")) == ["five"]
    reply = talk(scripted_nano(ANSWER), short).send("?")
    assert reply.tool_runs == ()
    # The prompt says nothing of it, so that it is found cached.
    assert "read_result" not in chat.model.tokenizer.decode(
        chat._asked(chat.history).prompt(chat.model.tokenizer)
    )


def test_another_turns_results_are_not_read(scripted_nano: Script) -> None:
    """Numbers are of the turn: the same call in the next one reads what that has kept, or nothing at all."""
    other = "secret " * 200
    texts = iter([other, TEXT])
    tool = Tool(ToolDescription("look"), run=lambda _: next(texts))
    chat = talk(scripted_nano(call() + ANSWER + call() + read(2, 9) + read(1, 0) + ANSWER), tool)
    chat.send("?")
    reply = chat.send("?")
    assert told(reply)[1].startswith(TEXT[9:30])
    earlier = "got the result 1, which is of an earlier turn and not kept; make its call again"
    assert told(reply)[2] == f"error: {earlier}"
    assert "secret" not in "".join(told(reply))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            '{"result":1,"start":999999}',
            f"error: got the start 999999, wanted 0 to {len(TEXT) - 1}",
        ),
        (
            '{"result":3,"start":0}',
            "error: got the result 3, wanted 1 to 1, as results name it",
        ),
    ],
)
def test_what_is_not_there_is_told(scripted_nano: Script, arguments: str, text: str) -> None:
    reply = talk(scripted_nano(call() + call(arguments, "read_result") + ANSWER)).send("?")
    assert (told(reply)[1], reply.tool_runs[1].result.ending) == (text, Ending.ERROR)


@pytest.mark.parametrize(
    "arguments", ["", "{", "[1, 2]", "{}", '{"result":1}', '{"result":true,"start":0}', "[" * 9999]
)
def test_other_arguments_are_told(arguments: str) -> None:
    kept = KeptResults()
    assert kept.keep(TEXT) == 1
    with pytest.raises(ValueError, match="got other arguments, wanted"):
        kept.place_of(arguments)


def test_reading_on_counts_as_any_call(scripted_nano: Script) -> None:
    reply = talk(scripted_nano(call() + read(1, 0) + ANSWER), rounds=2).send("?")
    assert (reply.capped, len(reply.tool_runs)) == ("rounds", 2)
    reply = talk(scripted_nano(call() + read(1, 0) + ANSWER), results_tokens=160).send("?")
    assert reply.capped == "results"


def test_a_tool_of_that_name_is_the_callers(scripted_nano: Script) -> None:
    mine = Tool(ToolDescription("read_result"), run=lambda _: "mine")
    chat = talk(scripted_nano(call() + call("{}", "read_result") + ANSWER), look(), mine)
    first, second = told(chat.send("?"))
    assert "ask for less at a time" in first
    assert second == "mine"


def test_there_is_room_for_so_much(scripted_nano: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_results, "_MOST_CHARACTERS", len(TEXT) + 1)
    chat = talk(scripted_nano(call() + call() + ANSWER))
    first, second = told(chat.send("?"))
    assert HINT.search(first)
    assert "ask for less at a time" in second


def test_strangers_text_stays_strangers_text(scripted_nano: Script) -> None:
    """Behind it, what changes something is asked for; to read on is not."""
    changes = Tool(ToolDescription("change"), run=lambda _: "changed")
    chat = talk(
        scripted_nano(
            call() + read(1, 0) + call("{}", "change") + ANSWER + call("{}", "change") + ANSWER
        ),
        look(is_foreign=True),
        changes,
    )
    endings = [run.result.ending for run in chat.send("?").tool_runs]
    assert endings == [Ending.FINISHED, Ending.FINISHED, Ending.DENIED]
    assert [run.result.ending for run in chat.send("?").tool_runs] == [Ending.DENIED]


def test_nothing_foreign_came_of_ones_own(scripted_nano: Script) -> None:
    changes = Tool(ToolDescription("change"), run=lambda _: "changed")
    script = call() + read(1, 0) + ANSWER + call("{}", "change") + ANSWER
    chat = talk(scripted_nano(script), look(), changes)
    chat.send("?")
    assert told(chat.send("?")) == ["changed"]


@pytest.mark.parametrize("text", ["\ufffd" * 900, "😀" * 900, "a" * 3000, "é\n" * 900])
def test_pages_of_any_text_end(scripted_nano: Script, text: str) -> None:
    tokenizer = scripted_nano(ANSWER).tokenizer
    at, found = 0, ""
    for _ in range(1000):
        shown = page(text, at, tokenizer, 100)
        more = GO_ON.search(shown)
        if more is None:
            assert found + shown == text
            return
        piece = shown[: more.start() - 1]
        assert piece
        found += piece
        at = int(more[2])
        assert at == len(found)
    raise AssertionError("no end")


def test_no_line_is_longer_than_what_is_kept_for_it(scripted_nano: Script) -> None:
    tokenizer = scripted_nano(ANSWER).tokenizer
    kept = KeptResults()
    number = kept.keep("x y z " * 100_000)
    assert number == 1
    cut = clipped("x y z " * 100_000, tokenizer, 300, lambda at: kept_results.how_to_read_on(1, at))
    assert len(tokenizer.encode(cut)) <= 300
