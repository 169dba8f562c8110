"""A request of the Chat Completions API -> what the service is asked for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gptoss import harmony
from gptoss.chat.tool_set import tool_set
from gptoss.server.service import Asked
from gptoss.server.settings import ServerSettings
from gptoss.server.wire import (
    Count,
    EffortName,
    SamplingFields,
    Stop,
    StreamOptions,
    limits,
    system_content,
)
from gptoss.server.wire_errors import ApiError
from gptoss.structured import TurnRules, answer_of, declared_tools, tool_choice_of

_REFUSED = {
    "audio": "the model writes text",
    "functions": "use tools",
    "function_call": "use tool_choice",
    "web_search_options": "declare a function",
    "best_of": "use n",
}


class ChatRequest(SamplingFields):
    """The body of `/v1/chat/completions`. Fields that are not here are ignored, as OpenAI does, or refused by name."""

    model: str | None = None
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: EffortName | None = None
    max_completion_tokens: Count | None = None
    max_tokens: Count | None = None
    reasoning_tokens: Annotated[int, Field(ge=0)] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    stop: Stop = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    return_progress: bool | None = None
    modalities: list[str] | None = None

    def asked(self, settings: ServerSettings) -> Asked:
        """Raises ApiError and GptossError for what cannot be met."""
        self.refuse(_REFUSED)
        if self.modalities not in (None, ["text"]):
            raise ApiError(
                400, "got modalities, wanted ['text']: the model writes text", param="modalities"
            )
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
        return self._asked(num)

    def _asked(self, num: int) -> Asked:
        answer, told = answer_of(self.response_format)
        tools = tool_set(self.tools or ())
        conversation = harmony.from_chat(
            self.messages,
            tools=[_plain(tool) for tool in self.tools or ()],
            response_format=told,
            system=system_content(self.reasoning_effort),
        )
        choice, allowed = tool_choice_of(self.tool_choice, tools.recipients)
        rules = TurnRules(
            tools=declared_tools(conversation, tools.strict),
            choice=choice,
            allowed=allowed,
            is_parallel=self.parallel_tool_calls is not False,
            answer=answer,
            reasons=self.reasoning_effort != "none",
        )
        most = self.max_completion_tokens or self.max_tokens
        top = (self.top_logprobs or 0) if self.logprobs else None
        return Asked(
            conversation,
            self.sampling(top),
            limits(most, self.reasoning_tokens, self.stop),
            rules,
            num,
        )


def _plain(tool: dict[str, Any]) -> dict[str, Any]:
    kind = tool.get("type", "function")
    if kind != "function":
        raise ApiError(400, f"got a tool of the type {kind!r}, wanted function", param="tools")
    return tool
