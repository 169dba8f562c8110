"""A request of the Chat Completions API -> the turn that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from gptoss.chat.conversation import conversation
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.tools import declared_tool, tool_set
from gptoss.chat.types.formats import AnswerFormat
from gptoss.chat.types.messages import ChatMessage
from gptoss.chat.types.tools import NESTED_TOOLS, Tool
from gptoss.forms import Ignored, Kinds, Refused
from gptoss.server.client_tools import CLIENT_TOOLS
from gptoss.server.hosted.choices import ChatToolChoice, choice_of
from gptoss.server.hosted.declared import CodeInterpreterTool, McpTool, is_own
from gptoss.server.hosted.tools import Hosted
from gptoss.server.hosted_tools import HostedTool, is_hosted
from gptoss.server.settings import ServerSettings
from gptoss.server.wire import (
    CACHED_ANYWAY,
    KEPT_NOWHERE,
    MOST_MESSAGES,
    NOT_TOLD_APART,
    SERVING,
    VERBOSITY,
    Count,
    EffortName,
    SamplingFields,
    Stop,
    StreamOptions,
    Tools,
    Verbosity,
    effort_of,
)
from gptoss.server.wire_errors import ApiError

_UNREAD = {
    "audio": Refused("the model writes text"),
    "functions": Refused("use tools"),
    "function_call": Refused("use tool_choice"),
    "web_search_options": Refused("declare a function"),
    "best_of": Refused("use n"),
    "moderation": Refused("there is no moderation model"),
    "metadata": KEPT_NOWHERE,
    "store": KEPT_NOWHERE,
    "prediction": Ignored("a prediction changes speed alone; repeated text is drafted anyway"),
    "verbosity": VERBOSITY,
    "user": NOT_TOLD_APART,
    "safety_identifier": NOT_TOLD_APART,
    "prompt_cache_key": CACHED_ANYWAY,
    **SERVING,
}


# As the Responses API calls it.
CODE_OUTPUTS = "code_interpreter_call.outputs"


def _is_left_out(tool: Mapping[str, Any]) -> bool:
    """Whether the server would have to run it, and cannot."""
    return is_hosted(tool) and tool.get("type") != "code_interpreter" and not is_own(tool)


def _refusal(kind: object) -> str | None:
    """The reason why there is no tool of that type here, with what to do instead; None if nobody has it."""
    if kind in (*CLIENT_TOOLS, "namespace"):
        return "wanted 'function' or 'custom'; /v1/responses has that type"
    return None


_Tool = Annotated[
    Tool | CodeInterpreterTool | McpTool | HostedTool,
    Kinds("type", unnamed="function", nested=NESTED_TOOLS, rest=_is_left_out, refusal=_refusal),
]


_TOP_NEEDS_LOGPROBS: JsonDict = {
    "if": {"properties": {"top_logprobs": {"type": "integer"}}, "required": ["top_logprobs"]},
    "then": {"properties": {"logprobs": {"const": True}}, "required": ["logprobs"]},
}


class ChatRequest(SamplingFields):
    """The body of `/v1/chat/completions`. Fields that are not here are named in `gptoss.ignored`, or refused."""

    model_config = ConfigDict(json_schema_extra=_TOP_NEEDS_LOGPROBS)
    unread = _UNREAD

    model: str | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)]
    """The conversation."""
    tools: Annotated[list[_Tool], Tools] | None = None
    """What the model may call. Calls are held to the schemas."""
    tool_choice: ChatToolChoice | None = None
    """Whether it may, must or must not call them, or which. `auto` unless said otherwise."""
    max_tool_calls: Annotated[int, Field(ge=1)] | None = None
    """Calls of tools that the server runs at most; then it answers. Our extension."""
    include: list[Literal["code_interpreter_call.outputs"]] | None = None
    """Whether pictures that the server's Python makes are told. Our extension."""
    parallel_tool_calls: bool | None = None
    """Whether one answer may have several calls; true unless said otherwise."""
    response_format: AnswerFormat | None = None
    """The form of the answer, which is enforced."""
    reasoning_effort: EffortName | None = None
    """How long it thinks: `none` not at all; `minimal` is `low`, `xhigh` and `max` are `high`."""
    max_completion_tokens: Count | None = None
    """Of the answer, its chain of thought included; otherwise what the context holds."""
    max_tokens: Count | None = None
    """The same, by its older name."""
    reasoning_tokens: Annotated[int, Field(ge=0)] | None = None
    """Ends the chain of thought after so many tokens, and lets it answer."""
    n: Annotated[int, Field(ge=1)] | None = None
    """Answers to the same prompt."""
    stop: Stop = None
    """Texts at which the answer ends, at most 16; they are not part of it."""
    logprobs: bool | None = None
    """Whether the answer's tokens are told with their probabilities."""
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    """How many of the likeliest are told in the place of each; asks for `logprobs`."""
    stream: bool | None = None
    """Whether the answer comes in pieces, as events."""
    stream_options: StreamOptions | None = None
    return_progress: bool | None = None
    """Whether a stream says how much of the prompt is read."""
    continue_final_message: bool | None = None
    """Whether the assistant's last message is gone on with."""
    verbosity: Verbosity | None = None
    """Is taken, and does nothing."""
    modalities: Annotated[list[Literal["text"]], Field(min_length=1)] | None = None
    """The model writes text."""

    @property
    def has_images(self) -> bool:
        """Whether pictures are told."""
        return CODE_OUTPUTS in (self.include or ())

    def asked(self, settings: ServerSettings, hosted: Hosted) -> TurnRequest:
        """The turn that it asks for; `hosted`: tools of it that the server runs.

        Raises ApiError and GptossError for what cannot be met.
        """
        num = self.n or 1
        if num > settings.max_answers:
            raise ApiError(400, f"got n {num}, wanted at most {settings.max_answers}", param="n")
        if len(self.messages) > settings.max_messages:
            raise ApiError(
                400,
                f"got {len(self.messages)} messages, wanted at most {settings.max_messages}",
                param="messages",
            )
        if self.top_logprobs is not None and not self.logprobs:
            raise ApiError(400, "got top_logprobs without logprobs", param="top_logprobs")
        return self._turn(num, hosted)

    def _turn(self, num: int, hosted: Hosted) -> TurnRequest:
        own = [declared_tool(t) for t in self.tools or () if isinstance(t, Tool)]
        tools = tool_set([*own, *hosted.tools])
        most = self.max_completion_tokens or self.max_tokens
        top = (self.top_logprobs or 0) if self.logprobs else None
        return TurnRequest(
            messages=conversation(self.messages, tools),
            effort=effort_of(self.reasoning_effort),
            reasons=self.reasoning_effort != "none",
            tools=tools,
            tool_choice=choice_of(self.tool_choice, tools),
            parallel_calls=self.parallel_tool_calls is not False,
            response_format=self.response_format,
            sampling=self.sampling(top),
            limits=TurnLimits.of(most, self.reasoning_tokens, self.stop or ()),
            num=num,
            continues=self.continue_final_message or False,
            policy=hosted.policy,
        )
