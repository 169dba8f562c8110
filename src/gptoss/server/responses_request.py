"""A request of the Responses API -> what the service is asked for, and what the response says of it again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.chat.tool_set import ToolSet, tool_set
from gptoss.harmony import DeveloperContent, Message, ResponseFormat, Role
from gptoss.server.chat_reply import Json, new_id
from gptoss.server.responses_input import Block
from gptoss.server.service import Asked
from gptoss.server.settings import ServerSettings
from gptoss.server.wire import Count, EffortName, SamplingFields, Wire, limits, system_content
from gptoss.server.wire_errors import ApiError
from gptoss.structured import Answer, TurnRules, answer_of, declared_tools, tool_choice_of

_REFUSED = {
    "conversation": "use previous_response_id",
    "prompt": "send instructions and input",
    "max_tool_calls": "it counts calls of tools that the server runs, and there are none",
    "context_management": "use truncation",
    "moderation": "there is no moderation model",
}
ENCRYPTED, LOGPROBS = "reasoning.encrypted_content", "message.output_text.logprobs"
# Of tools that are not here, so that there is never anything to include.
_VOID = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
)
_TOOL_FIELDS = ("name", "description", "parameters", "strict")
_FORMAT_FIELDS = ("name", "schema", "strict", "description")

SummaryName = Literal["auto", "concise", "detailed"]
_MetadataKey = Annotated[str, Field(max_length=64)]
_MetadataValue = Annotated[str, Field(max_length=512)]
_Metadata = Annotated[dict[_MetadataKey, _MetadataValue], Field(max_length=16)]


class Reasoning(Wire):
    """How the model thinks, and what is said of it."""

    effort: EffortName | None = None
    summary: SummaryName | None = None
    generate_summary: SummaryName | None = None


class TextOptions(Wire):
    """The form of the answer."""

    format: dict[str, Any] | None = None


class ResponseRequest(SamplingFields):
    """The body of `/v1/responses`. Fields that are not here are ignored, as OpenAI does, or refused by name."""

    model: str | None = None
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: Reasoning | None = None
    reasoning_tokens: Annotated[int, Field(ge=0)] | None = None
    include: list[str] | None = None
    max_output_tokens: Count | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    metadata: _Metadata | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: Wire | None = None
    background: bool | None = None
    return_progress: bool | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None

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
        self.refuse(_REFUSED)
        if self.background and not self.is_stored:
            raise ApiError(
                400,
                "got background with store false; a response that runs on its own is read from the store",
                param="background",
            )
        for name in self.include or ():
            if name not in (ENCRYPTED, LOGPROBS, *_VOID):
                raise ApiError(
                    400,
                    f"got include {name[:100]!r}, wanted {ENCRYPTED} or {LOGPROBS}",
                    param="include",
                )
        choice = self.tool_choice
        if isinstance(choice, dict) and choice.get("type") not in ("function", "allowed_tools"):
            raise ApiError(
                400,
                f"got a tool choice of the type {str(choice.get('type'))[:100]!r}, wanted function or allowed_tools",
                param="tool_choice.type",
            )

    def asked(self, blocks: Sequence[Block], settings: ServerSettings) -> Asked:
        """The turn after a conversation. Raises ApiError and GptossError for what cannot be met."""
        num = sum(len(block) for block in blocks)
        if num > settings.max_messages:
            raise ApiError(
                400,
                f"got {num} items, wanted at most {settings.max_messages}, those before them included",
                param="input",
            )
        if not blocks and not self.instructions:
            raise ApiError(400, "got no input, wanted text or items", param="input")
        tools = tool_set(self._declared())
        answer, told = answer_of(self.text.format if self.text else None)
        conversation = self._conversation(blocks, tools, told)
        return Asked(
            conversation,
            self.sampling((self.top_logprobs or 0) if self.has_logprobs else None),
            limits(self.max_output_tokens, self.reasoning_tokens, None),
            self._rules(conversation, tools, answer),
        )

    def echo(self, model: str) -> Json:
        """A response that has not begun, with everything that the request said."""
        sampling = self.sampling()
        reasoning: Json = {"effort": self.effort or "medium", "summary": self.summary}
        return {
            "id": new_id("resp_"),
            "object": "response",
            "created_at": int(time.time()),
            "status": "queued" if self.background else "in_progress",
            "background": self.background or False,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "max_tool_calls": None,
            "metadata": self.metadata or {},
            "model": model,
            "output": [],
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "previous_response_id": self.previous_response_id,
            "prompt_cache_key": self.prompt_cache_key,
            "reasoning": reasoning,
            "safety_identifier": self.safety_identifier,
            "service_tier": "default",
            "store": self.is_stored,
            "temperature": sampling.temperature,
            "text": {"format": _flat_format(self.text.format if self.text else None)},
            "tool_choice": _flat_choice(self.tool_choice),
            "tools": [_echoed_tool(tool) for tool in self.tools or ()],
            "top_logprobs": self.top_logprobs or 0,
            "top_p": sampling.top_p,
            "truncation": self.truncation or "disabled",
            "usage": None,
            "user": self.user,
        }

    def _declared(self) -> list[dict[str, Any]]:
        """The tools that the model is told of: none where it must not call any."""
        tools = [_function(tool, f"tools[{at}]") for at, tool in enumerate(self.tools or ())]
        return [] if self.tool_choice == "none" else tools

    def _conversation(
        self, blocks: Sequence[Block], tools: ToolSet, told: ResponseFormat | None
    ) -> list[Message]:
        instructions, said = self.instructions, [message for block in blocks for message in block]
        first = said[0].content if said else None
        if instructions is None and isinstance(first, DeveloperContent):
            instructions, said = first.instructions, said[1:]
        formats = () if told is None else (told,)
        developer = DeveloperContent(instructions, tools.developer, formats)
        opening = [Message(Role.SYSTEM, system_content(self.effort))]
        if developer != DeveloperContent():
            opening.append(Message(Role.DEVELOPER, developer))
        return opening + said

    def _rules(self, conversation: list[Message], tools: ToolSet, answer: Answer) -> TurnRules:
        choice, allowed = tool_choice_of(self.tool_choice, tools.recipients)
        return TurnRules(
            tools=declared_tools(conversation, tools.strict),
            choice=choice,
            allowed=allowed,
            is_parallel=self.parallel_tool_calls is not False,
            answer=answer,
            reasons=self.effort != "none",
        )


def _function(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A tool as chat APIs have it."""
    kind = tool.get("type", "function")
    if kind != "function":
        raise ApiError(
            400,
            f"got a tool of the type {str(kind)[:100]!r}, wanted function: the server runs no tools of its own",
            param=f"{where}.type",
        )
    if not isinstance(tool.get("name"), str):
        raise ApiError(
            400,
            f"got no name in {where}, wanted the function's name, description and parameters beside its type",
            param=f"{where}.name",
        )
    description = tool.get("description")
    if not isinstance(description, str | None):
        raise ApiError(
            400,
            f"got {description!r:.100} as description, wanted text",
            param=f"{where}.description",
        )
    return {"type": "function", "function": {field: tool.get(field) for field in _TOOL_FIELDS}}


def _echoed_tool(tool: Mapping[str, Any]) -> Json:
    return {"type": "function", **{field: tool.get(field) for field in _TOOL_FIELDS}}


def _flat_choice(choice: str | dict[str, Any] | None) -> object:
    """A tool choice in this API's form, also where it was sent in that of Chat Completions."""
    if not isinstance(choice, dict):
        return choice or "auto"
    inner = choice.get(str(choice.get("type")))
    return {"type": choice.get("type"), **inner} if isinstance(inner, dict) else choice


def _flat_format(form: dict[str, Any] | None) -> object:
    """A format in this API's form, also where it was sent in that of Chat Completions."""
    if form is None:
        return {"type": "text"}
    if form.get("type") != "json_schema":
        return form
    fields = form.get("json_schema", form)
    return {"type": "json_schema", "name": "answer"} | {
        field: fields[field] for field in _FORMAT_FIELDS if fields.get(field) is not None
    }
