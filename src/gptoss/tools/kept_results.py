"""Results that are too long to be read at once, kept whole for a turn, and the tool that reads on in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace

from gptoss.harmony import ToolDescription
from gptoss.tools.invocation import Invocation
from gptoss.tools.result import Ending, ToolResult
from gptoss.tools.tool import FUNCTIONS, Tool

# How a result names another; no number has more digits, whatever a tool's own text says.
_NUMBER = re.compile(r'functions\.read_result with \{"result":(\d{1,6}),')
_PAGE_CHARACTERS = 1 << 17
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
    """The long results of one turn; no other turn has them, and a pause for an approval ends one in this sense.

    told  what the model was told before: numbers go on behind those of earlier results, which are kept no more
    """

    def __init__(self, told: Iterable[str] = ()) -> None:
        named = (int(number) for text in told for number in _NUMBER.findall(text))
        self._before = max(named, default=0)
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
        return self._before + len(self._texts)

    def place_of(self, arguments: str) -> tuple[str, int]:
        """The text that a call asks for, and from where on. Raises ValueError for one that is not there."""
        number, start = _asked(arguments)
        if 1 <= number <= self._before:
            raise ValueError(
                f"got the result {number}, which is of an earlier turn and not kept; make its call again"
            )
        if not 0 < number - self._before <= len(self._texts):
            first, last = self._before + 1, self._before + len(self._texts)
            raise ValueError(
                f"got the result {number}, wanted {first} to {last}, as results name it"
            )
        text = self._texts[number - self._before - 1]
        if not 0 <= start < len(text):
            raise ValueError(f"got the start {start}, wanted 0 to {len(text) - 1}")
        return text, start

    def _read(self, invocation: Invocation) -> ToolResult:
        try:
            text, start = self.place_of(invocation.arguments)
        except ValueError as error:
            return ToolResult(f"error: {error}", Ending.ERROR)
        # More than is ever shown at once; what is shown is cut where the model's next page begins.
        return ToolResult(text[start : start + _PAGE_CHARACTERS])


def _asked(arguments: str) -> tuple[int, int]:
    """Number and start that a call has. Raises ValueError."""
    try:
        asked = json.loads(arguments)
    except (ValueError, RecursionError):
        asked = None
    found = [asked.get(name) if isinstance(asked, dict) else None for name in ("result", "start")]
    number, start = (x if isinstance(x, int) and not isinstance(x, bool) else None for x in found)
    if number is None or start is None:
        raise ValueError(
            'got other arguments, wanted {"result": number, "start": number}, as the line in the result has them'
        )
    return number, start


def how_to_read_on(number: int, start: int) -> str:
    """What the model is told to call."""
    return f'to see them, call {FUNCTIONS}.{_NAME} with {{"result":{number},"start":{start}}}'
