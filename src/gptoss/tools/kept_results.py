"""Results that are too long to be read at once, kept whole for a turn, and the tool that reads on in them."""

from __future__ import annotations

import json
from dataclasses import replace

from gptoss.harmony import ToolDescription
from gptoss.tools.invocation import Invocation
from gptoss.tools.result import Ending, ToolResult
from gptoss.tools.tool import FUNCTIONS, Tool

# Of all that is kept for a turn.
_MOST_CHARACTERS = 1 << 24
_NAME = "read_result"
_COUNTED = {"type": "integer", "minimum": 0}
# What the model is told of it stands in the results themselves: its opening stays as it was, and is found cached.
READER = Tool(
    ToolDescription(
        _NAME,
        "Reads on in a result of this turn.",
        {
            "type": "object",
            "properties": {"result": {"type": "integer", "minimum": 1}, "start": _COUNTED},
            "required": ["result", "start"],
            "additionalProperties": False,
        },
    ),
    is_read_only=True,
)


class KeptResults:
    """The long results of one turn; no other turn has them."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._num_characters = 0
        self.reader = replace(READER, run=self._read)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def keep(self, text: str) -> int | None:
        """The number under which a text is read on; None where there is no room for it."""
        if self._num_characters + len(text) > _MOST_CHARACTERS:
            return None
        self._num_characters += len(text)
        self._texts.append(text)
        return len(self._texts)

    def place_of(self, arguments: str) -> tuple[str, int]:
        """The text that a call asks for, and from where on. Raises ValueError for one that is not there."""
        asked = json.loads(arguments)
        number, start = asked["result"], asked["start"]
        if not isinstance(number, int) or not 1 <= number <= len(self._texts):
            raise ValueError(f"got the result {number!r}, wanted 1 to {len(self._texts)}")
        text = self._texts[number - 1]
        if not isinstance(start, int) or not 0 <= start < len(text):
            raise ValueError(f"got the start {start!r}, wanted 0 to {len(text) - 1}")
        return text, start

    def _read(self, invocation: Invocation) -> ToolResult:
        try:
            text, start = self.place_of(invocation.arguments)
        except (ValueError, KeyError, TypeError) as error:
            return ToolResult(f"error: {error}", Ending.ERROR)
        return ToolResult(text[start:])


def how_to_read_on(number: int, start: int) -> str:
    """What the model is told to call."""
    return f'to see them, call {FUNCTIONS}.{_NAME} with {{"result":{number},"start":{start}}}'
