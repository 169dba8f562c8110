"""What is written of Anthropic's replies, and what makes that fast."""

from __future__ import annotations

from typing import get_args

import pytest

from gptoss.harmony import (
    ContentDelta,
    MessageFinished,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.server.messages.message import BlockDelta, Delta, TextBlock, TextDelta, ToolUseBlock
from gptoss.server.messages.reply import Blocks
from gptoss.server.sse import event

_EVENTS = (
    ReasoningDelta("so"),
    MessageFinished(True),
    ContentDelta("yes"),
    MessageFinished(True),
    ToolCallStarted(0, "functions.f"),
    ToolCallDelta(0, '{"a":1}'),
)
_END = ToolCallFinished(0, True)


def call_of(arguments: str) -> ToolUseBlock:
    blocks = Blocks(told="text")
    for each in (ToolCallStarted(0, "functions.f"), ToolCallDelta(0, arguments), _END):
        blocks.take(each)
    (call,) = blocks.content
    assert isinstance(call, ToolUseBlock)
    return call


def test_deltas_lack_no_field() -> None:
    # They are written without asking which fields they were given.
    kinds = [BlockDelta, *get_args(get_args(Delta)[0])]
    assert len(kinds) == 5
    for kind in kinds:
        assert all(field.is_required() for field in kind.model_fields.values())


def test_an_event_is_one_line_under_its_name() -> None:
    delta = BlockDelta(
        type="content_block_delta", index=1, delta=TextDelta(type="text_delta", text="é\n\u2028")
    )
    assert event(delta, delta.type).decode() == (
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":1,'
        '"delta":{"type":"text_delta","text":"é\\n\u2028"}}\n\n'
    )


def test_events_stay_as_they_were_told() -> None:
    blocks = Blocks(told="text")
    told = [made for each in _EVENTS for made in blocks.read(each)]
    before = [made.written() for made in told]
    blocks.take(_END)
    assert [made.written() for made in told] == before
    assert isinstance(blocks.content[1], TextBlock)
    assert blocks.content[1].text == "yes"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param('{"a":[1', id="ends early"),
        pytest.param('{"a":"\\ud800"}', id="half a pair"),
        pytest.param('{"a":NaN}', id="no number"),
        pytest.param('{"a":[{"b":-1e400}]}', id="beyond all numbers"),
        pytest.param('{"a":' + "[" * 300 + "]" * 300 + "}", id="deeper than can be written"),
        pytest.param("[1]", id="no object"),
    ],
)
def test_input_that_cannot_be_sent_is_empty(arguments: str) -> None:
    call = call_of(arguments)
    assert call.input == {}
    assert call.written().endswith(b'"name":"f","input":{}}')


@pytest.mark.parametrize("depth", [1, 190])
def test_input_is_what_the_model_wrote(depth: int) -> None:
    arguments = '{"a":' + "[" * depth + "1.5" + "]" * depth + "}"
    assert arguments.encode() in call_of(arguments).written()
