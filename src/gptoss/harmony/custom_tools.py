"""Tools that take text: how the model is told of them, and how their calls are written.

Without a grammar, such a tool is a function of one string, `input`. gpt-oss was trained to write JSON to functions, and
OpenAI's own programs let it: Codex gives it such a function where other models get bare text, and gpt-oss's reference
chat unwraps the JSON that comes where text was asked for. A grammar is of the text itself, and none can be held to
through the escapes of a JSON string: there the message is the text and nothing else, which the turn's grammar sees to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from gptoss.harmony.messages import Message
from gptoss.harmony.names import Channel, Marker, Role
from gptoss.harmony.tools import ToolDescription

_FIELD = "input"
_WRAPPED: dict[str, object] = {
    "type": "object",
    "properties": {_FIELD: {"type": "string", "description": "The text that the tool takes."}},
    "required": [_FIELD],
    "additionalProperties": False,
}
_BARE: dict[str, object] = {"type": "string"}
_TOLD = {
    "lark": "Its input is bare text, no JSON, of this Lark grammar:",
    "regex": "Its input is bare text, no JSON, that matches this regular expression:",
}


@dataclass(frozen=True, slots=True)
class CustomTool:
    """A tool that takes text.

    syntax      of its grammar: `lark` or `regex`; None: any text
    definition  the grammar
    """

    name: str
    description: str = ""
    syntax: str | None = None
    definition: str = ""

    @property
    def is_wrapped(self) -> bool:
        """Whether a call has its text inside JSON."""
        return self.syntax is None

    def described(self) -> ToolDescription:
        """As the model is told of it."""
        if self.syntax is None:
            return ToolDescription(self.name, self.description, _WRAPPED)
        lines = [self.description, _TOLD[self.syntax], self.definition]
        return ToolDescription(self.name, "\n".join(line for line in lines if line), _BARE)


def custom_call(recipient: str, text: str, *, is_wrapped: bool) -> Message:
    """The assistant's message that calls such a tool."""
    if not is_wrapped:
        return Message(Role.ASSISTANT, text, Channel.COMMENTARY, recipient)
    arguments = json.dumps({_FIELD: text}, ensure_ascii=False)
    return Message(
        Role.ASSISTANT, arguments, Channel.COMMENTARY, recipient, f"{Marker.CONSTRAIN}json"
    )
