"""Calls that were run while an assistant's message was written: as the model wrote them, between what it said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gptoss.chat.reading import SAID_BREAK, THOUGHT_BREAK
from gptoss.chat.types.messages import ExecutedTool
from gptoss.errors import MessageError
from gptoss.harmony import PYTHON, Channel, Message, Role
from gptoss.harmony.names import Marker

NOT_FINISHED = "(the call was not finished)"
_OF_PYTHON = ("code_interpreter", "python")


@dataclass(frozen=True, slots=True)
class Step:
    """A call, its result, and what the model thought and said before it, in order."""

    before: tuple[Message, ...]
    call: Message
    result: str


class Steps:
    """A message taken apart. `thought` and `said` are what stands behind the last call, once all have been given."""

    def __init__(self, executed: Sequence[ExecutedTool], reasoning: str, content: str) -> None:
        self._executed = executed
        self._reasoning = _Text(reasoning, THOUGHT_BREAK)
        self._content = _Text(content, SAID_BREAK)

    @property
    def thought(self) -> str:
        """The rest of the reasoning."""
        return self._reasoning.until(None)

    @property
    def said(self) -> str:
        """The rest of the content."""
        return self._content.until(None)

    def each(self, where: str) -> Iterator[Step]:
        """The steps in their order. Raises MessageError for a function without a name; `where` is the message's."""
        for index, tool in enumerate(self._executed):
            before = tuple(self._before(tool))
            call = _call(tool, f"{where}.executed_tools.{index}")
            yield Step(before, call, NOT_FINISHED if tool.output is None else tool.output)

    def _before(self, tool: ExecutedTool) -> Iterator[Message]:
        """The thoughts and texts before a call, as the model wrote them."""
        texts = ((self._reasoning, Channel.ANALYSIS), (self._content, Channel.COMMENTARY))
        for number, length in enumerate(tool.before or ()):
            text, channel = texts[number % 2]
            yield from _messages(text.next(length), channel)
        yield from _messages(self._reasoning.until(tool.reasoning_index), Channel.ANALYSIS)
        yield from _messages(self._content.until(tool.content_index or 0), Channel.COMMENTARY)


class _Text:
    """A text that is read piece by piece, without what was put between two of them."""

    def __init__(self, text: str, separator: str) -> None:
        self._text = text
        self._separator = separator
        self._at = 0

    def next(self, length: int) -> str:
        """The next piece, of so many characters."""
        return self.until(self._at + length)

    def until(self, end: int | None) -> str:
        """The next piece; None: all that is left."""
        start = self._at
        self._at = max(start, len(self._text) if end is None else end)
        piece = self._text[start : self._at]
        return piece.removeprefix(self._separator) if start else piece


def _messages(text: str, channel: Channel) -> Iterator[Message]:
    if text:
        yield Message(Role.ASSISTANT, text, channel)


def _call(tool: ExecutedTool, where: str) -> Message:
    given = tool.arguments or ""
    if tool.type in _OF_PYTHON:
        return Message(Role.ASSISTANT, given, Channel.ANALYSIS, PYTHON.name, "code")
    if tool.name is None:
        raise MessageError(f"{where}.name: got nothing, wanted the function that was called")
    recipient = f"functions.{tool.name}"
    arguments = given if given.strip() else "{}"
    json = f"{Marker.CONSTRAIN}json"
    return Message(Role.ASSISTANT, arguments, Channel.COMMENTARY, recipient, json)
