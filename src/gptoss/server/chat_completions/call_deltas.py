"""Calls of tools in the chunks of one answer."""

from __future__ import annotations

from gptoss.chat.tools import FUNCTIONS, ToolSet
from gptoss.server.chat_completions.chunks import (
    CallDelta,
    CallFunctionDelta,
    ChatDelta,
    CustomCallDelta,
    CustomTextDelta,
)
from gptoss.server.shared.ids import new_id
from gptoss.server.wrapped_text import WrappedText


class CallDeltas:
    """What the calls of one answer add to it, piece by piece.

    One object serves for all pieces of a call: each is written before the next one is made.
    """

    def __init__(self, tools: ToolSet) -> None:
        self._tools = tools
        self._pieces: dict[int, _Pieces] = {}

    def started(self, index: int, recipient: str) -> ChatDelta:
        """The beginning of a call."""
        tool = self._tools.tool_by_recipient.get(recipient)
        name, call_id = recipient.removeprefix(f"{FUNCTIONS}."), new_id("call_")
        if tool is None or tool.kind != "custom":
            self._pieces[index] = _FunctionPieces(index)
            function = CallFunctionDelta(name=name, arguments="")
            call = CallDelta(index=index, id=call_id, type="function", function=function)
            return ChatDelta(tool_calls=[call])
        self._pieces[index] = _CustomPieces(index, WrappedText() if tool.is_wrapped else None)
        custom = CustomTextDelta(name=name, input="")
        return ChatDelta(
            tool_calls=[CustomCallDelta(index=index, id=call_id, type="custom", custom=custom)]
        )

    def more(self, index: int, text: str) -> ChatDelta | None:
        """A piece of a call that has begun; None where it says nothing of the text inside it."""
        return self._pieces[index].delta(text)


class _FunctionPieces:
    def __init__(self, index: int) -> None:
        self._function = CallFunctionDelta(arguments="")
        self._delta = ChatDelta(tool_calls=[CallDelta(index=index, function=self._function)])

    def delta(self, text: str) -> ChatDelta:
        self._function.arguments = text
        return self._delta


class _CustomPieces:
    def __init__(self, index: int, wrapped: WrappedText | None) -> None:
        self._wrapped = wrapped
        self._custom = CustomTextDelta(input="")
        self._delta = ChatDelta(tool_calls=[CustomCallDelta(index=index, custom=self._custom)])

    def delta(self, text: str) -> ChatDelta | None:
        inner = text if self._wrapped is None else self._wrapped.feed(text)
        if self._wrapped is not None and not inner:
            return None
        self._custom.input = inner
        return self._delta


_Pieces = _FunctionPieces | _CustomPieces
