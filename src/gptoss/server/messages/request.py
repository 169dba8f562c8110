"""A request of Anthropic's Messages API -> the chat request that asks for the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.errors import shown
from gptoss.server.chat.request import ChatRequest
from gptoss.server.messages.signature import reasoning_of
from gptoss.server.messages.tools import Tool, chat_tool
from gptoss.server.request_schemas.messages import (
    MessageParams,
    MessageTool,
    MessageToolChoice,
    SystemParam,
)
from gptoss.server.service import Asked
from gptoss.server.settings import ServerSettings
from gptoss.server.shown import Shown
from gptoss.server.wire import (
    MOST_MESSAGES,
    MOST_TOOLS,
    Count,
    EffortName,
    SamplingFields,
    Stops,
    Wire,
)
from gptoss.server.wire_errors import ApiError

_REFUSED = {
    "container": "declare a tool",
    "mcp_servers": "declare their tools",
}
_CHOICES = {"auto": None, "any": "required", "none": "none"}
_UNREAD = ("redacted_thinking",)


class Thinking(Wire):
    """Whether there is a chain of thought, how long it may be, and whether it is shown."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    """`disabled`: it does not think."""
    budget_tokens: Annotated[int, Field(ge=0)] | None = None
    """Ends the chain of thought after so many tokens, and lets it answer."""
    display: Literal["summarized", "omitted"] | None = None
    """`omitted`: blocks of thinking have no text."""


class OutputFormat(Wire):
    """The shape of the answer."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    """JSON Schema, which is enforced."""


class OutputConfig(Wire):
    """Effort, and the shape of the answer."""

    effort: EffortName | None = None
    """How long it thinks: `none` not at all; `minimal` is `low`, `xhigh` and `max` are `high`."""
    format: OutputFormat | None = None
    """The form of the answer."""


class Choice(Wire):
    """Whether a tool is called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class CountRequest(SamplingFields):
    """The body of `/v1/messages/count_tokens`."""

    model: str | None = None
    messages: Annotated[
        list[dict[str, Any]], Field(min_length=1, max_length=MOST_MESSAGES), Shown(MessageParams)
    ]
    """The conversation."""
    system: Annotated[str | list[dict[str, Any]], Shown(SystemParam)] | None = None
    """What the application wants of the model."""
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS), Shown(list[MessageTool])] | None = (
        None
    )
    """What the model may call. Calls are held to the schemas."""
    tool_choice: Annotated[Choice, Shown(MessageToolChoice)] | None = None
    """Whether it may or must call them, or which."""
    thinking: Thinking | None = None
    """Whether it thinks, how long, and whether that is told."""
    output_config: OutputConfig | None = None
    """Effort, and the form of the answer."""

    def chat(self, **more: Any) -> ChatRequest:
        """The same as a chat request. Raises ApiError for what it cannot say."""
        self.refuse(_REFUSED)
        choice, config = self.tool_choice, self.output_config or OutputConfig()
        thinking = self.thinking
        given = {name: getattr(self, name) for name in SamplingFields.model_fields}
        is_off = thinking is not None and thinking.type == "disabled"
        return ChatRequest(
            **given,
            **more,
            model=self.model,
            messages=list(self._chat_messages()),
            tools=[chat_tool(tool, f"tools.{index}") for index, tool in enumerate(self.tools or ())]
            or None,
            tool_choice=None if choice is None else _chat_choice(choice),
            parallel_tool_calls=not (choice and choice.disable_parallel_tool_use),
            response_format=None if config.format is None else _chat_format(config.format),
            reasoning_effort="none" if is_off else config.effort,
            # As Anthropic has it: an answer that is begun is gone on with.
            continue_final_message=self.messages[-1].get("role") == "assistant",
            reasoning_tokens=None if is_off or thinking is None else thinking.budget_tokens,
        )

    def asked(self, settings: ServerSettings) -> Asked:
        """Raises ApiError and GptossError for what cannot be met."""
        return self.chat().asked(settings)

    def _chat_messages(self) -> Iterator[dict[str, Any]]:
        if isinstance(self.system, str):
            yield {"role": "system", "content": self.system}
        elif self.system:
            texts = [_text_of(block, "system") for block in self.system]
            yield {"role": "system", "content": "\n".join(texts)}
        for index, message in enumerate(self.messages):
            yield from _chat_messages(message, f"messages.{index}")


class MessagesRequest(CountRequest):
    """The body of `/v1/messages`."""

    max_tokens: Count
    """Of the answer, its chain of thought included."""
    stop_sequences: Stops | None = None
    """Texts at which the answer ends; they are not part of it."""
    stream: bool | None = None
    """Whether the answer comes in pieces, as events."""

    @property
    def shows_thinking(self) -> bool:
        """Whether the chain of thought is told."""
        return self.thinking is None or self.thinking.display != "omitted"

    def asked(self, settings: ServerSettings) -> Asked:
        """Raises ApiError and GptossError for what cannot be met."""
        chat = self.chat(max_completion_tokens=self.max_tokens, stop=self.stop_sequences)
        return chat.asked(settings)


def _chat_messages(message: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant", "system"):
        raise ApiError(
            400, f"{where}: got the role {shown(role)}, wanted user or assistant", param=where
        )
    if isinstance(content, str):
        yield {"role": role, "content": content}
        return
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise ApiError(400, f"{where}.content: wanted text or a list of blocks", param=where)
    if role == "assistant":
        yield _assistant(content, where)
    else:
        yield from _user(role, content, where)


def _assistant(blocks: list[dict[str, Any]], where: str) -> dict[str, Any]:
    """One message: the chain of thought, what was said, and the calls."""
    thoughts, texts, calls = [], [], []
    for block in blocks:
        match block.get("type"):
            case "thinking":
                thoughts.append(_text(block, "thinking", where) or reasoning_of(block))
            case "text":
                texts.append(_text(block, "text", where))
            case "tool_use":
                function = {
                    "name": _text(block, "name", where),
                    "arguments": json.dumps(block.get("input", {}), ensure_ascii=False),
                }
                calls.append({"id": _text(block, "id", where), "function": function})
            case kind if kind not in _UNREAD:
                raise _unknown(kind, where)
    return {
        "role": "assistant",
        "reasoning": "\n".join(thoughts),
        "content": "".join(texts),
        "tool_calls": calls,
    }


def _user(role: str, blocks: list[dict[str, Any]], where: str) -> Iterator[dict[str, Any]]:
    """Results of tools, and what is said between and after them."""
    texts: list[str] = []
    for block in blocks:
        if block.get("type") != "tool_result":
            texts.append(_text_of(block, where))
            continue
        if texts:
            yield {"role": role, "content": "\n".join(texts)}
            texts = []
        yield {
            "role": "tool",
            "tool_call_id": _text(block, "tool_use_id", where),
            "content": _result(block, where),
        }
    if texts or not blocks:
        yield {"role": role, "content": "\n".join(texts)}


def _result(block: dict[str, Any], where: str) -> str:
    content = block.get("content")
    content = "" if content is None else content
    if isinstance(content, list):
        content = "\n".join(_text_of(part, where) for part in content)
    if not isinstance(content, str):
        raise ApiError(400, f"{where}: wanted a tool's result to be text or blocks", param=where)
    # The model has no other mark for it.
    return f"Error: {content}" if block.get("is_error") is True else content


def _text_of(block: object, where: str) -> str:
    """Of a block that must be text."""
    kind = block.get("type") if isinstance(block, dict) else type(block).__name__
    if not isinstance(block, dict) or kind != "text":
        raise _unknown(kind, where)
    return _text(block, "text", where)


def _text(block: dict[str, Any], field: str, where: str) -> str:
    value = block.get(field)
    if not isinstance(value, str):
        raise ApiError(
            400,
            f"{where}: got a block of the type {shown(block.get('type'))} whose {field} is no text",
            param=where,
        )
    return value


def _unknown(kind: object, where: str) -> ApiError:
    return ApiError(
        400,
        f"{where}: got a block of the type {shown(kind)}, which the model cannot read",
        param=where,
    )


def _chat_choice(choice: Choice) -> str | dict[str, Any] | None:
    if choice.type != "tool":
        return _CHOICES[choice.type]
    return {"type": "function", "function": {"name": choice.name}}


def _chat_format(form: OutputFormat) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": form.schema_}}
