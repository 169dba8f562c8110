"""`python`: the stateful notebook that the model was trained with, run in a sandbox."""

from __future__ import annotations

import itertools
from dataclasses import replace

from gptoss.errors import SandboxError
from gptoss.harmony import PYTHON, ToolDescription
from gptoss.tools.invocation import Invocation
from gptoss.tools.result import Attachment, Ending, ToolResult
from gptoss.tools.sandbox import Interruption, Output, Reason, Session
from gptoss.tools.tool import Tool

# Beyond it, the whole text of a cell is left in the notebook's folder, where the model can read it.
LONG_CHARACTERS = 8_000
# Of that, so much is read into this process at all.
_MOST_CHARACTERS = 1 << 20
_MARGIN_S = 10.0
_ENDINGS = {
    Reason.FINISHED: Ending.FINISHED,
    Reason.TIMEOUT: Ending.TIMEOUT,
    Reason.INTERRUPTED: Ending.CANCELLED,
}


# What the model is told of it; nobody runs its calls.
DECLARATION = Tool(
    ToolDescription(PYTHON.name, PYTHON.description or ""), kind=PYTHON.name, namespace=None
)


def python_tool(session: Session) -> Tool:
    """The tool over one conversation's notebook, whose names and files stay from call to call."""
    return replace(
        DECLARATION,
        run=_Notebook(session).run,
        # What it may change is its own folder, and it reaches nobody.
        is_read_only=True,
        # The sandbox ends a cell in time, and then says what it had printed.
        max_s=session.limits.wall_s + _MARGIN_S,
    )


class _Notebook:
    """Runs cells, and keeps the texts that are too long for the model."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._num_cells = 0

    def run(self, invocation: Invocation) -> ToolResult:
        interruption = Interruption()
        try:
            invocation.on_cancel(interruption.set)
            output = self._session.run(
                invocation.arguments, interruption=interruption, tell=invocation.tell
            )
        finally:
            interruption.close()
        self._num_cells += 1
        text = output.text(_MOST_CHARACTERS)
        return ToolResult(
            text,
            _ENDINGS.get(output.reason, Ending.ERROR),
            tuple(self._attachments(output)),
            self._kept(text),
        )

    def _kept(self, text: str) -> str | None:
        """Where the model finds the whole of a long text; None where it is short, or finds no room."""
        if len(text) <= LONG_CHARACTERS:
            return None
        try:
            taken = self._session.files()
            # Other answers of this conversation have left theirs, which the model was told of.
            names = (f"output_{number}.txt" for number in itertools.count(1))
            name = next(each for each in names if each not in taken)
            self._session.write_file(name, text.encode("utf-8", "replace"))
        except SandboxError:
            return None
        return f"/mnt/data/{name}"

    def _attachments(self, output: Output) -> list[Attachment]:
        return [
            Attachment(f"figure_{self._num_cells}_{number}.png", "image/png", content)
            for number, content in enumerate(output.images, 1)
        ]
