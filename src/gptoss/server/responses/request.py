"""A request of the Responses API -> the turn that it asks for, and what the response says of it again."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from gptoss.chat.blocks import Block
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.tool_policy import ToolPolicy
from gptoss.chat.types.formats import (
    AnswerFormat,
    FlatAnswerFormat,
    FlatSchemaFormat,
    TextFormat,
)
from gptoss.forms import Ignored, Refused, unless
from gptoss.server.hosted.choices import ResponseToolChoice, choice_of
from gptoss.server.responses.tools import echoed_choice, tools_of
from gptoss.server.responses.types.echoed_tools import echoed_tools
from gptoss.server.responses.types.items import AdditionalTools, AnyItem, InputItem
from gptoss.server.responses.types.response import ReasoningSettings, Response, TextSettings
from gptoss.server.responses.types.tools import ResponseTool
from gptoss.server.settings import ServerSettings
from gptoss.server.shared.ids import new_id
from gptoss.server.wire import (
    MOST_MESSAGES,
    SERVING,
    VERBOSITY,
    Count,
    EffortName,
    SamplingFields,
    Tools,
    Verbosity,
    Wire,
    effort_of,
)
from gptoss.server.wire_errors import ApiError
from gptoss.tools import Tool, ToolSet

_UNREAD = {
    "conversation": Refused("use previous_response_id"),
    "prompt": Refused("send instructions and input"),
    "context_management": Refused("use truncation"),
    "moderation": Refused("there is no moderation model"),
    "access_programs": Ignored("programs of OpenAI's"),
    "background_options": Ignored("what runs on its own is not paused"),
    "image": Ignored("the model sees no pictures"),
    "stream_options": Ignored("nothing is padded"),
    **SERVING,
}
_REASONING_UNREAD = {
    "context": Ignored(
        "the model reads its thoughts of the current turn", unless("auto", "current_turn")
    ),
    "mode": Ignored("there is one mode", unless("standard")),
}
_TEXT_UNREAD = {"verbosity": VERBOSITY}
ENCRYPTED, LOGPROBS = "reasoning.encrypted_content", "message.output_text.logprobs"
CODE_OUTPUTS = "code_interpreter_call.outputs"

# What fields ask of each other.
_NEEDS: JsonDict = {
    # One that runs on its own is read from the store.
    "if": {"properties": {"background": {"const": True}}, "required": ["background"]},
    "then": {"properties": {"store": {"enum": [True, None]}}},
    # A response that is gone on from has input of its own.
    "anyOf": [
        {"properties": {"input": {"type": "string", "minLength": 1}}, "required": ["input"]},
        {"properties": {"input": {"type": "array", "minItems": 1}}, "required": ["input"]},
        {
            "properties": {"instructions": {"type": "string", "minLength": 1}},
            "required": ["instructions"],
        },
        {
            "properties": {"previous_response_id": {"type": "string"}},
            "required": ["previous_response_id"],
        },
    ],
}

SummaryName = Literal["auto", "concise", "detailed"]
# All but the first two are of tools that are not here, so that there is never anything to include.
Included = Literal[
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]
# OpenAI's are shorter.
_Name = Annotated[str, Field(max_length=512)]
_MetadataKey = Annotated[str, Field(max_length=64)]
_MetadataValue = Annotated[str, Field(max_length=512)]
_Metadata = Annotated[dict[_MetadataKey, _MetadataValue], Field(max_length=16)]


class Reasoning(Wire):
    """How the model thinks, and what is said of it."""

    unread = _REASONING_UNREAD

    effort: EffortName | None = None
    """How long it thinks: `none` not at all; `minimal` is `low`, `xhigh` and `max` are `high`."""
    summary: SummaryName | None = None
    """How long a summary of the chain of thought is: its first sentences, word for word."""
    generate_summary: SummaryName | None = None
    """The same, by its older name."""


class TextOptions(Wire):
    """The form of the answer."""

    unread = _TEXT_UNREAD

    format: AnswerFormat | None = None
    """The form of the answer, which is enforced."""
    verbosity: Verbosity | None = None
    """Is taken, and does nothing."""


class ResponseRequest(SamplingFields):
    """The body of `/v1/responses`. Fields that are not here are named in `gptoss.ignored`, or refused."""

    model_config = ConfigDict(json_schema_extra=_NEEDS)
    unread = _UNREAD

    model: str | None = None
    input: str | Annotated[list[InputItem], Field(max_length=MOST_MESSAGES)] | None = None
    """Text, or items: what is said, calls and their results, and what came in earlier responses."""
    instructions: str | None = None
    """What the application wants of the model. Not taken over from an earlier response."""
    previous_response_id: str | None = None
    """The response to go on from, with everything before it."""
    tools: Annotated[list[ResponseTool], Tools] | None = None
    """What the model may call. Calls are held to the schemas."""
    tool_choice: ResponseToolChoice | None = None
    """Whether it may, must or must not call them, or which. `auto` unless said otherwise."""
    max_tool_calls: Annotated[int, Field(ge=1)] | None = None
    """Calls of tools that the server runs at most; then it answers."""
    parallel_tool_calls: bool | None = None
    """Whether one response may have several calls; true unless said otherwise."""
    text: TextOptions | None = None
    """The form of the answer."""
    reasoning: Reasoning | None = None
    """How it thinks, and what is said of it."""
    reasoning_tokens: Annotated[int, Field(ge=0)] | None = None
    """Ends the chain of thought after so many tokens, and lets it answer."""
    include: list[Included] | None = None
    """What else is told; all but the first two are of tools that are not here."""
    max_output_tokens: Count | None = None
    """Of the response, its chain of thought included; otherwise what the context holds."""
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    """How many of the likeliest tokens are told in the place of each of the answer's."""
    metadata: _Metadata | None = None
    """Is kept with the response."""
    store: bool | None = None
    """Whether the response is kept; true unless said otherwise."""
    stream: bool | None = None
    """Whether the response comes in pieces, as events."""
    stream_options: dict[str, Any] | None = None
    """Is taken, and does nothing."""
    background: bool | None = None
    """Whether it is answered at once with a response that is written on its own, and can be asked for."""
    return_progress: bool | None = None
    """Whether a stream says how much of the prompt is read, and what tools that the server runs print meanwhile."""
    continue_final_message: bool | None = None
    """Whether the assistant's last message is gone on with."""
    truncation: Literal["auto", "disabled"] | None = None
    """`auto`: the oldest items are left out where the context is too small. Otherwise an error."""
    user: _Name | None = None
    """Is said again."""
    prompt_cache_key: _Name | None = None
    """Is said again."""
    safety_identifier: _Name | None = None
    """Is said again."""

    @property
    def is_stored(self) -> bool:
        """Whether the response is kept."""
        return self.store is not False

    @property
    def effort(self) -> EffortName | None:
        """How long the model is to think."""
        return None if self.reasoning is None else self.reasoning.effort

    @property
    def summary(self) -> SummaryName | None:
        """Which summary of its thoughts is wanted."""
        asked = self.reasoning
        return None if asked is None else asked.summary or asked.generate_summary

    @property
    def has_logprobs(self) -> bool:
        """Whether the answer's tokens are told with their probabilities."""
        return LOGPROBS in (self.include or ()) or self.top_logprobs is not None

    def check(self) -> None:
        """Raises ApiError for what there is not, before anything is looked up."""
        if self.background and not self.is_stored:
            raise ApiError(
                400,
                "got background with store false; a response that runs on its own is read from the store",
                param="background",
            )

    def declared(self, items: Iterable[AnyItem], hosted: Iterable[Tool] = ()) -> ToolSet:
        """All tools, those of items and those that the server runs among them.

        Raises ApiError and MessageError for what cannot be had.
        """
        added = (item.tools for item in items if isinstance(item, AdditionalTools))
        return tools_of(self.tools or (), added, hosted)

    def asked(
        self,
        blocks: Sequence[Block],
        tools: ToolSet,
        settings: ServerSettings,
        policy: ToolPolicy | None = None,
    ) -> TurnRequest:
        """The turn after a conversation; `policy`: of tools that the server runs.

        Raises ApiError and GptossError for what cannot be met.
        """
        require_few(sum(len(block) for block in blocks), settings)
        if not blocks and not self.instructions:
            raise ApiError(400, "got no input, wanted text or items", param="input")
        # The model is told of none where it must not call any; what a person has allowed is run all the same.
        is_decided = policy is not None and bool(policy.decisions)
        told = tools if is_decided or self.tool_choice != "none" else ToolSet()
        return TurnRequest(
            messages=[message for block in blocks for message in block],
            effort=effort_of(self.effort),
            reasons=self.effort != "none",
            instructions=self.instructions,
            tools=told,
            tool_choice=choice_of(self.tool_choice, told),
            parallel_calls=self.parallel_tool_calls is not False,
            response_format=self.text.format if self.text else None,
            sampling=self.sampling((self.top_logprobs or 0) if self.has_logprobs else None),
            limits=TurnLimits(self.max_output_tokens, self.reasoning_tokens),
            continues=self.continue_final_message or False,
            policy=policy or ToolPolicy(),
        )

    def echo(self, model: str, run: Collection[str] = ()) -> Response:
        """A response that has not begun, with everything that the request said; `run`: see `echoed_tools`."""
        sampling = self.sampling()
        return Response(
            id=new_id("resp_"),
            object="response",
            created_at=int(time.time()),
            status="queued" if self.background else "in_progress",
            background=self.background or False,
            completed_at=None,
            error=None,
            incomplete_details=None,
            instructions=self.instructions,
            max_output_tokens=self.max_output_tokens,
            max_tool_calls=self.max_tool_calls,
            metadata=self.metadata or {},
            model=model,
            output=[],
            parallel_tool_calls=self.parallel_tool_calls is not False,
            previous_response_id=self.previous_response_id,
            prompt_cache_key=self.prompt_cache_key,
            reasoning=ReasoningSettings(effort=self.effort or "medium", summary=self.summary),
            safety_identifier=self.safety_identifier,
            service_tier="default",
            store=self.is_stored,
            temperature=sampling.temperature,
            text=_echoed_text(self.text or TextOptions()),
            tool_choice=echoed_choice(self.tool_choice),
            tools=echoed_tools(self.tools or (), run),
            top_logprobs=self.top_logprobs or 0,
            top_p=sampling.top_p,
            truncation=self.truncation or "disabled",
            usage=None,
            user=self.user,
        )


def require_few(num_items: int, settings: ServerSettings) -> None:
    """Raises ApiError for more items than a conversation may have."""
    if num_items > settings.max_messages:
        raise ApiError(
            400,
            f"got {num_items} items, wanted at most {settings.max_messages}, those before them included",
            param="input",
        )


def _echoed_text(text: TextOptions) -> TextSettings:
    made = TextSettings(format=_echoed_format(text.format))
    if text.verbosity is not None:
        made.verbosity = text.verbosity
    return made


def _echoed_format(form: AnswerFormat | None) -> FlatAnswerFormat:
    """A format with the name that its schema goes by, and without what is null."""
    if form is None:
        return TextFormat(type="text")
    if form.type != "json_schema":
        return form
    said = {"strict": form.strict, "description": form.description}
    given: Any = {name: value for name, value in said.items() if value is not None}
    given |= {"type": form.type, "name": form.name, "schema": form.schema_}
    return FlatSchemaFormat.model_validate(given)
