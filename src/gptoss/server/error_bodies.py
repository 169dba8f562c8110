"""Errors, as OpenAI's and Anthropic's APIs have them."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypeAliasType

from gptoss.server.error_codes import ErrorCode
from gptoss.server.replies import ABSENT, Reply

ErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "timeout_error",
    "rate_limit_error",
    "overloaded_error",
    "server_error",
]
AnthropicErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "timeout_error",
    "rate_limit_error",
    "overloaded_error",
    "api_error",
]


class ErrorDetail(Reply):
    """What went wrong."""

    message: str
    """What was got, what was wanted, and what to do, in one line of English."""
    type: ErrorType
    """The kind of error; it follows from the status."""
    param: str | None
    """Which field of the request is wrong, as in `messages.0.content`; null where it is none, or not known."""
    code: ErrorCode
    """For programs."""


class Error(Reply):
    """An error, as OpenAI's API has it; also the last event of a stream that cannot go on."""

    error: ErrorDetail


class AnthropicErrorCode(Reply):
    """What programs know an error by."""

    error_code: str
    """`thread_unsupported_request`: the whole conversation may be sent without `thread`."""


class AnthropicErrorDetail(Reply):
    """What went wrong."""

    type: AnthropicErrorType
    """The kind of error; it follows from the status."""
    message: str
    """What was got, what was wanted, and what to do, in one line of English."""
    details: AnthropicErrorCode = ABSENT
    """Where a client can go on by itself."""


class AnthropicError(Reply):
    """An error, as Anthropic's API has it; also the event `error`, which ends a stream that cannot go on."""

    type: Literal["error"]
    error: AnthropicErrorDetail
    request_id: str
    """The same as in the header `X-Request-Id`."""


AnyError = TypeAliasType("AnyError", Error | AnthropicError)
