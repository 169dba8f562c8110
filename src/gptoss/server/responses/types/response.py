"""`/v1/responses`: a response, and what is said of it."""

from __future__ import annotations

from typing import Literal

from gptoss.chat.types.formats import FlatAnswerFormat
from gptoss.server.replies import ABSENT, Count, Reply, UnixSeconds
from gptoss.server.responses.types.items import OutputItem
from gptoss.server.responses.types.tools import DeclaredTool, EchoedChoice
from gptoss.server.shared.extension import Extension
from gptoss.server.shared.usage import CachedTokens, ReasoningTokens
from gptoss.server.wire import EffortName, Verbosity

ResponseStatus = Literal["queued", "in_progress", "completed", "incomplete", "cancelled", "failed"]
FailureCode = Literal[
    "server_error", "rate_limit_exceeded", "invalid_prompt", "context_length_exceeded"
]


class ResponseFailure(Reply):
    """Why there is no answer."""

    code: FailureCode
    message: str


class IncompleteDetails(Reply):
    """Why an answer is not whole."""

    reason: Literal["max_output_tokens"]
    """The tokens ended: `max_output_tokens`, or the context."""


class ReasoningSettings(Reply):
    """As the request has them."""

    effort: EffortName
    summary: Literal["auto", "concise", "detailed"] | None


class TextSettings(Reply):
    """The form of the answer."""

    format: FlatAnswerFormat
    verbosity: Verbosity = ABSENT
    """As the request has it. It does nothing: see `gptoss.ignored`."""


class CutCall(Reply):
    """A call that was not whole when the tokens ended."""

    name: str
    arguments: str
    """JSON as text, as far as it is."""


class ResponseExtension(Extension):
    """What the API has no words for: our extension."""

    cut_calls: list[CutCall]
    """Of `shell`, `local_shell` and `apply_patch`, whose items have no room for half a call."""


class InputTokens(CachedTokens):
    """Of a prompt."""

    cache_write_tokens: Literal[0]


class ResponseUsage(Reply):
    """Tokens of a response."""

    input_tokens: Count
    input_tokens_details: InputTokens
    output_tokens: Count
    """The chain of thought included."""
    output_tokens_details: ReasoningTokens
    total_tokens: Count


class Response(Reply):
    """An answer to a conversation, with everything that the request said."""

    id: str
    object: Literal["response"]
    created_at: UnixSeconds
    status: ResponseStatus
    """`cancelled` where a client ended it, `incomplete` where the tokens ended."""
    background: bool
    completed_at: UnixSeconds | None
    """Null before the status is `completed`."""
    error: ResponseFailure | None
    """Where the status is `failed`."""
    incomplete_details: IncompleteDetails | None
    """Where the status is `incomplete`."""
    instructions: str | None
    max_output_tokens: Count | None
    max_tool_calls: Count | None
    """Of those that the server runs."""
    metadata: dict[str, str]
    model: str
    output: list[OutputItem]
    """As far as it is written."""
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: ReasoningSettings
    safety_identifier: str | None
    service_tier: Literal["default"]
    store: bool
    temperature: float
    text: TextSettings
    tool_choice: EchoedChoice
    """What the request says; `auto` where it says nothing."""
    tools: list[DeclaredTool]
    top_logprobs: Count
    top_p: float
    truncation: Literal["auto", "disabled"]
    usage: ResponseUsage | None
    """Null before the response has ended."""
    user: str | None
    gptoss: ResponseExtension = ABSENT
    """Our extension, once the response has ended."""


class DeletedResponse(Reply):
    """A response is forgotten."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]


class InputTokenCount(Reply):
    """How long a prompt is."""

    object: Literal["response.input_tokens"]
    input_tokens: Count
