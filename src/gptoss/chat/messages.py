"""Conversations in the shape of chat APIs and datasets -> harmony.

The shape: dicts with `role`, `content`, an assistant's reasoning in whichever field it comes back, `tool_calls`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gptoss.chat.opening import opened
from gptoss.chat.tools import tool_set
from gptoss.errors import MessageError
from gptoss.harmony import Message, ResponseFormat, SystemContent
from gptoss.tools import ToolSet


def from_chat(
    messages: Sequence[Mapping[str, object]],
    *,
    tools: Iterable[Mapping[str, object]] = (),
    response_format: ResponseFormat | None = None,
    system: SystemContent | None = None,
) -> list[Message]:
    """The conversation as harmony messages, the system message first.

    messages         see `read_messages`
    tools            as chat APIs take them: `{"type": "function", "function": {"name", "description", "parameters"}}`,
                     or the inner object alone; and those that take text, see `gptoss.harmony.custom_tools`
    system           None: the default one, without a date

    Raises MessageError for a shape that is none of these, or a result of a call that was never made.
    """
    declared = tool_set(tools)
    said = read_messages(messages, declared)
    return opened(said, system or SystemContent(), tools=declared.developer, told=response_format)


def read_messages(
    messages: Sequence[Mapping[str, object]], tools: ToolSet | None = None
) -> list[Message]:
    """The conversation as harmony messages, without an opening.

    messages  of the roles system, developer, user, assistant, tool; a system's text becomes the developer's
    tools     that are declared: calls of some are bare text

    An assistant's reasoning becomes analysis, its content the answer, or a preamble where tool calls stand beside it.

    Raises MessageError for a shape that is none of these, or a result of a call that was never made.
    """
    # Loaded when first asked for: conversations of other forms need none of it.
    from gptoss.chat.conversation import conversation
    from gptoss.chat.types.messages import ChatMessage
    from gptoss.forms import checked

    said = checked(list[ChatMessage], messages, "messages", MessageError)
    return conversation(said, tools or ToolSet())
