"""Replies of servers as answers: what is no reply, or says that the server failed, is nobody's wrong answer."""

from __future__ import annotations

from typing import Any

import pytest

from gptoss.chat.reply import Usage
from gptoss.errors import AnswerError
from gptoss.evals.question import Call
from gptoss.evals.server_asker import answer_of


def _reply(finish: object = "stop", **message: object) -> dict[str, Any]:
    said = {"role": "assistant", "content": "Answer: A", **message}
    return {"choices": [{"message": said, "finish_reason": finish}], "usage": {}}


def _with_call(**function: object) -> dict[str, Any]:
    return _reply("tool_calls", content=None, tool_calls=[{"id": None, "function": function}])


def test_a_reply() -> None:
    found = answer_of(_reply(None, content=None, reasoning_content="hm"), 1.5)
    assert (found.content, found.reasoning, found.finish_reason) == ("", "hm", "stop")
    assert answer_of(_with_call(name="f", arguments="{"), 1.0).calls == (Call("f", "{"),)


@pytest.mark.parametrize(
    "reply",
    [
        {"error": {"message": "overloaded"}},
        {"choices": []},
        {"choices": [{"message": None}]},
        _reply(content=[{"type": "text", "text": "Answer: A"}]),
        _reply(reasoning={"text": "hm"}),
        _reply({"a": 1}),
        _reply(tool_calls=[5]),
        _with_call(name=None, arguments="{}"),
        _with_call(name="f", arguments={"a": 1}),
        _with_call(name="f"),
    ],
)
def test_what_is_no_reply(reply: dict[str, Any]) -> None:
    with pytest.raises(AnswerError, match="wanted a reply of Chat Completions"):
        answer_of(reply, 1.0)


@pytest.mark.parametrize("ending", ["error", "abort", "cancelled"])
def test_a_server_that_says_it_failed(ending: str) -> None:
    with pytest.raises(AnswerError, match=f"ended its answer by '{ending}'"):
        answer_of(_reply(ending, content=""), 1.0)


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        (None, Usage(0, 0, 0)),
        ({"prompt_tokens": -5, "completion_tokens": 10**30}, Usage(0, 0, 0)),
        ({"prompt_tokens": True, "completion_tokens": float("nan")}, Usage(0, 0, 0)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "completion_tokens_details": {"reasoning_tokens": 9},
                "prompt_tokens_details": {"cached_tokens": 8},
            },
            Usage(5, 7, 7, 5),
        ),
    ],
)
def test_tokens_that_cannot_be(usage: object, wanted: Usage) -> None:
    assert answer_of({**_reply(), "usage": usage}, 1.0).usage == wanted
