"""Calls that the server ran while an answer was written: an extension, named as other servers of GPT-OSS have it."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import Field

from gptoss.chat.reply import CallRecord
from gptoss.harmony import PYTHON
from gptoss.server.replies import ABSENT, Count, Reply
from gptoss.server.shared.ids import new_id
from gptoss.tools import FUNCTIONS, Ending

ExecutedType = Literal["code_interpreter", "mcp"]
ExecutedStatus = Literal["completed", "failed", "incomplete"]
_STATUS: dict[Ending, ExecutedStatus] = {
    Ending.FINISHED: "completed",
    Ending.CANCELLED: "incomplete",
    Ending.SKIPPED: "incomplete",
}


class CodePicture(Reply):
    """A picture that a call made."""

    png: str
    """In base64."""


class ExecutedTool(Reply):
    """A call that the server ran, and what came of it."""

    index: Count
    """Which of the message's it is."""
    id: str
    type: ExecutedType
    """`mcp`: a function of the server's operator."""
    name: str
    """The function, or `python`."""
    arguments: str
    """JSON as text; of Python, the code."""
    container_id: str = ABSENT
    """In which Python runs."""
    reasoning_index: Count
    """How many characters of the message's reasoning stand before it."""
    content_index: Count
    """How many characters of its content stand before it."""
    before: Annotated[list[Count], Field(min_length=3)] = ABSENT
    """Where texts and thoughts alternate before it: characters of reasoning and content in turn since the last call."""
    status: ExecutedStatus
    """`failed`: also what was not allowed to run; `incomplete`: what has not run to its end, or not at all."""
    output: str | None
    """What the model has read of the result; null where it has not run."""
    code_results: list[CodePicture] = ABSENT
    """Pictures, if `include` asked for them and there are any."""


class ExecutedToolDelta(Reply):
    """What a chunk adds to a call that the server runs. Texts go on; all else comes once."""

    index: Count
    """Which of the message's it is."""
    id: str = ABSENT
    type: ExecutedType = ABSENT
    name: str = ABSENT
    arguments: str = ABSENT
    """The next piece."""
    container_id: str = ABSENT
    reasoning_index: Count = ABSENT
    content_index: Count = ABSENT
    before: Annotated[list[Count], Field(min_length=3)] = ABSENT
    status: ExecutedStatus = ABSENT
    """When it has ended, with `output`."""
    output: str | None = ABSENT
    code_results: Annotated[list[CodePicture], Field(min_length=1)] = ABSENT


class RunCall:
    """A call that is written, and then run. Its deltas, put together, are the whole of it.

    container_id  in which Python runs
    has_images    whether pictures are told
    thought, said  how many characters of reasoning and content stand before it
    before         the same since the last call, in turn
    """

    def __init__(
        self,
        index: int,
        recipient: str,
        *,
        container_id: str,
        has_images: bool,
        thought: int,
        said: int,
        before: list[int],
    ) -> None:
        is_python = recipient == PYTHON.name
        self._has_images = has_images
        self._index = index
        self._begun = ExecutedToolDelta(
            index=index,
            id=new_id("call_"),
            type="code_interpreter" if is_python else "mcp",
            name=recipient.removeprefix(f"{FUNCTIONS}."),
            arguments="",
            reasoning_index=thought,
            content_index=said,
        )
        if len(before) > 2:
            # Else a thought comes first, and then a text, as both numbers say.
            self._begun.before = before
        if is_python:
            self._begun.container_id = container_id
        self._pieces: list[str] = []
        self._ended = ExecutedToolDelta(index=index, status="incomplete", output=None)

    def begin(self, arguments: str = "") -> ExecutedToolDelta:
        """When it begins to be written, or, with its arguments, when one is run that stood there before."""
        self._begun.arguments = arguments
        self._pieces = [arguments]
        return self._begun

    def add(self, text: str) -> ExecutedToolDelta:
        """More of its arguments."""
        self._pieces.append(text)
        return ExecutedToolDelta(index=self._index, arguments=text)

    def finish(self, record: CallRecord) -> ExecutedToolDelta:
        """When it has ended."""
        status = _STATUS.get(record.result.ending, "failed")
        ended = ExecutedToolDelta(index=self._index, status=status, output=record.told)
        pictures = record.result.attachments if self._has_images else ()
        if pictures:
            ended.code_results = [
                CodePicture(png=base64.b64encode(each.content).decode("ascii")) for each in pictures
            ]
        self._ended = ended
        return ended

    def whole(self) -> ExecutedTool:
        """The call, however far it came."""
        given = self._begun.model_dump(exclude_unset=True)
        given |= self._ended.model_dump(exclude_unset=True)
        return ExecutedTool(**{**given, "arguments": "".join(self._pieces)})
