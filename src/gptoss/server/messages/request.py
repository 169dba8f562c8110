"""A request of Anthropic's Messages API -> the turn that it asks for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.tools import tool_set
from gptoss.forms import Ignored, Refused, unless
from gptoss.server.hosted_tools import HostedTool
from gptoss.server.messages.conversation import conversation, instructions, is_header
from gptoss.server.messages.params import (
    MessageParam,
    MessageTool,
    MessageToolChoice,
    NamedToolChoice,
    Text,
)
from gptoss.server.messages.tools import declared
from gptoss.server.settings import ServerSettings
from gptoss.server.wire import (
    CACHED_ANYWAY,
    MOST_MESSAGES,
    MOST_TOOLS,
    NOT_TOLD_APART,
    SERVING,
    CountFrom0,
    EffortName,
    SamplingFields,
    StopList,
    Wire,
    effort_of,
)
from gptoss.server.wire_errors import ApiError

# The SDK's loops over tools send the whole conversation instead, once they are told so.
_NO_THREADS = "send the whole conversation, without it"
_UNREAD = {
    "container": Refused("declare a tool"),
    "mcp_servers": Refused("declare their tools"),
    "thread": Refused(_NO_THREADS, error_code="thread_unsupported_request"),
    "compaction": Refused("ask for a summary in a message", error_code="compaction_unavailable"),
    "context_management": Ignored("nothing is left out of a conversation"),
    "cache_control": CACHED_ANYWAY,
    "anthropic_version": Ignored("it tells which API a body is of", lambda _: True),
    "fallbacks": Ignored("there is one model"),
    "fallback_credit_token": Ignored("there is one model"),
    "speed": Ignored("all requests are served alike", unless("standard")),
    "inference_geo": Ignored("it runs where the server does"),
    "diagnostics": Ignored("why a prompt was not cached is not told"),
    "billing_policy": Ignored("nothing is billed"),
    "metadata": NOT_TOLD_APART,
    "user_profile_id": NOT_TOLD_APART,
    **SERVING,
}
# Of the blocks of thinking in a reply: their text, none but what brings it back, or not even that.
ThinkingTold = Literal["text", "signature", "nothing"]
_CHOICES = {"auto": None, "any": "required", "none": "none"}


_THINKING_UNREAD = {"block_binding": Ignored("blocks of thinking are bound to nothing")}
_CONFIG_UNREAD = {"task_budget": Ignored("tokens are counted in one request alone")}


class Thinking(Wire):
    """Whether there is a chain of thought, how long it may be, and whether it is shown."""

    unread = _THINKING_UNREAD

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    """`disabled`: it does not think."""
    budget_tokens: Annotated[int, Field(ge=0)] | None = None
    """Ends the chain of thought after so many tokens, and lets it answer."""
    display: Literal["summarized", "omitted", "updates"] | None = None
    """`omitted`: blocks of thinking have no text. `updates` is `summarized`: nothing shorter is written."""


class OutputFormat(Wire):
    """The shape of the answer."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    """JSON Schema, which is enforced."""


class OutputConfig(Wire):
    """Effort, and the shape of the answer."""

    unread = _CONFIG_UNREAD

    effort: EffortName | None = None
    """How long it thinks: `none` not at all; `minimal` is `low`, `xhigh` and `max` are `high`."""
    format: OutputFormat | None = None
    """The form of the answer."""


class CountRequest(SamplingFields):
    """The body of `/v1/messages/count_tokens`."""

    unread = _UNREAD

    model: str | None = None
    messages: Annotated[list[MessageParam], Field(min_length=1, max_length=MOST_MESSAGES)]
    """The conversation."""
    system: str | list[Text] | None = None
    """What the application wants of the model."""
    tools: Annotated[list[MessageTool], Field(max_length=MOST_TOOLS)] | None = None
    """What the model may call. Calls are held to the schemas."""
    tool_choice: MessageToolChoice | None = None
    """Whether it may or must call them, or which."""
    thinking: Thinking | None = None
    """Whether it thinks, how long, and whether that is told: with tools alone, where nothing is said."""
    output_config: OutputConfig | None = None
    """Effort, and the form of the answer."""

    @property
    def is_off(self) -> bool:
        """Whether there is to be no chain of thought."""
        return self.thinking is not None and self.thinking.type == "disabled"

    @property
    def reasoning_tokens(self) -> int | None:
        """After how many tokens the chain of thought is ended."""
        return None if self.thinking is None or self.is_off else self.thinking.budget_tokens

    def asked(self, settings: ServerSettings) -> TurnRequest:
        """The turn that is asked for. Raises ApiError and GptossError for what cannot be met."""
        return self.turn(settings, TurnLimits(reasoning_tokens=self.reasoning_tokens))

    def turn(self, settings: ServerSettings, ends: TurnLimits) -> TurnRequest:
        """The turn, which ends there. Raises ApiError and GptossError for what cannot be met."""
        if len(self.messages) > settings.max_messages:
            raise ApiError(
                400,
                f"got {len(self.messages)} messages, wanted at most {settings.max_messages}",
                param="messages",
            )
        choice, config = self.tool_choice, self.output_config or OutputConfig()
        blocks = enumerate(self.system if isinstance(self.system, list) else ())
        self.ignore(*(f"system.{index}" for index, block in blocks if is_header(block)))
        effort = "none" if self.is_off else config.effort
        return TurnRequest(
            messages=conversation(self.messages),
            effort=effort_of(effort),
            reasons=effort != "none",
            instructions=instructions(self.system),
            tools=tool_set(declared(t) for t in self.tools or () if not isinstance(t, HostedTool)),
            tool_choice=None if choice is None else _choice(choice),
            parallel_calls=not (choice and choice.disable_parallel_tool_use),
            response_format=None if config.format is None else _format(config.format),
            sampling=self.sampling(),
            limits=ends,
            # As Anthropic has it: an answer that is begun is gone on with.
            continues=self.messages[-1].role == "assistant",
        )


class MessagesRequest(CountRequest):
    """The body of `/v1/messages`."""

    max_tokens: CountFrom0
    """Of the answer, its chain of thought included. 0: the prompt is read into the prefix cache, and not answered."""
    stop_sequences: StopList | None = None
    """Texts at which the answer ends; they are not part of it."""
    stream: bool | None = None
    """Whether the answer comes in pieces, as events."""

    @property
    def thinking_told(self) -> ThinkingTold:
        """How the chain of thought is told.

        Clients that do not ask for it take the first block for the answer. With tools they hand blocks back, and the
        model sees again what it thought while they run.
        """
        if self.thinking is not None:
            return "signature" if self.thinking.display == "omitted" else "text"
        has_tools = any(not isinstance(tool, HostedTool) for tool in self.tools or ())
        return "text" if has_tools else "nothing"

    def asked(self, settings: ServerSettings) -> TurnRequest:
        """Raises ApiError and GptossError for what cannot be met."""
        stops = tuple(self.stop_sequences or ())
        return self.turn(settings, TurnLimits(self.max_tokens, self.reasoning_tokens, stops))


def _choice(choice: MessageToolChoice) -> str | dict[str, Any] | None:
    if isinstance(choice, NamedToolChoice):
        return {"type": "function", "function": {"name": choice.name}}
    return _CHOICES[choice.type]


def _format(form: OutputFormat) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": form.schema_}}
