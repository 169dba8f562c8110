"""Calls of `code_interpreter`: as the model reads them, and as a response grows by them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial

from gptoss.chat.reply import CallRecord
from gptoss.harmony import PYTHON, Channel, Message, Role
from gptoss.server.responses.call_facts import facts_of
from gptoss.server.responses.items import Unplaced
from gptoss.server.responses.types.code_calls import (
    CodeCallChanged,
    CodeDelta,
    CodeDone,
    CodeImage,
    CodeInterpreterCall,
    CodeLogs,
    CodeStatus,
)
from gptoss.server.shared.ids import new_id
from gptoss.tools import Ending

_NOT_FINISHED = "(the call was not finished)"
_NO_TEXT = "(the call gave no text)"
_NOT_SENT = "(the output of this call was not sent back)"
# A call that failed has an output; the others have none that is whole.
_STATUS = {
    Ending.TIMEOUT: "failed",
    Ending.CANCELLED: "incomplete",
    Ending.DENIED: "failed",
    Ending.SKIPPED: "incomplete",
}


def code_message(call: CodeInterpreterCall) -> Message:
    """A call as the model wrote it."""
    return python_message(call.code)


def python_message(code: str) -> Message:
    """A call of Python as the model writes it."""
    return Message(Role.ASSISTANT, code, Channel.ANALYSIS, PYTHON.name, "code")


def code_output(call: CodeInterpreterCall) -> str:
    """Its result as the model reads it."""
    if call.outputs is None:
        return _NOT_SENT if call.status == "completed" else _NOT_FINISHED
    return "\n".join(each.logs for each in call.outputs if isinstance(each, CodeLogs)) or _NO_TEXT


class OpenCodeCall:
    """A call of Python that is written, and then run.

    container_id  of the container that it runs in
    has_images    whether pictures are told
    approval_id   of the item that asked for it, where one did
    """

    def __init__(
        self, container_id: str, *, has_images: bool, approval_id: str | None = None
    ) -> None:
        self.id = new_id("ci_")
        self._approval_id = approval_id
        self._container_id = container_id
        self._has_images = has_images
        self._texts: list[str] = []
        self._record: CallRecord | None = None

    @property
    def status(self) -> CodeStatus:
        """How it ended; `incomplete` where it was not run."""
        if self._record is None:
            return "incomplete"
        made: CodeStatus = _STATUS.get(self._record.result.ending, "completed")  # type: ignore[assignment]
        return made

    def item(self, status: CodeStatus) -> CodeInterpreterCall:
        """The item so far."""
        return CodeInterpreterCall(
            id=self.id,
            type="code_interpreter_call",
            status=status,
            code="".join(self._texts),
            container_id=self._container_id,
            outputs=None if self._record is None else self._outputs(self._record),
            approval_request_id=self._approval_id,
            gptoss=None if self._record is None else facts_of(self._record),
        )

    def ended(self) -> CodeInterpreterCall:
        """The item, however it has ended."""
        return self.item(self.status)

    def begin(self) -> Unplaced:
        """The event after `response.output_item.added`."""
        return partial(CodeCallChanged, type="response.code_interpreter_call.in_progress")

    def feed(self, text: str) -> Iterator[Unplaced]:
        """More of its code."""
        self._texts.append(text)
        yield partial(CodeDelta, type="response.code_interpreter_call_code.delta", delta=text)

    def end(self) -> Iterator[Unplaced]:
        """The event when the code is whole."""
        yield partial(
            CodeDone, type="response.code_interpreter_call_code.done", code="".join(self._texts)
        )

    def interpreting(self) -> Unplaced:
        """The event when it is run."""
        return partial(CodeCallChanged, type="response.code_interpreter_call.interpreting")

    def finish(self, record: CallRecord) -> Unplaced:
        """The event when it has run; the result is in the item from now on."""
        self._record = record
        return partial(CodeCallChanged, type="response.code_interpreter_call.completed")

    def _outputs(self, record: CallRecord) -> list[CodeLogs | CodeImage]:
        made: list[CodeLogs | CodeImage] = [CodeLogs(type="logs", logs=record.told)]
        if self._has_images:
            for each in record.result.attachments:
                data = base64.b64encode(each.content).decode("ascii")
                made.append(CodeImage(type="image", url=f"data:{each.media_type};base64,{data}"))
        return made
