"""Errors as OpenAI's and Anthropic's clients expect them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import Response

from gptoss.errors import (
    CheckpointError,
    ContinuationError,
    EngineError,
    GptossError,
    QueueFullError,
    ServerError,
    shortened,
)
from gptoss.forms import fault_of
from gptoss.server.error_bodies import (
    AnthropicError,
    AnthropicErrorCode,
    AnthropicErrorDetail,
    AnthropicErrorType,
    Error,
    ErrorDetail,
    ErrorType,
)
from gptoss.server.error_codes import (
    CODE_BY_STATUS,
    ErrorCode,
    code_of_error,
    code_of_fault,
)
from gptoss.server.replies import sent

_TYPE_BY_STATUS: Mapping[int, ErrorType] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_ANTHROPIC_TYPE_BY_STATUS: Mapping[int, AnthropicErrorType] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}
# Where errors, too, are in Anthropic's words.
ANTHROPIC_PATH = "/v1/messages"
_MOST_CHARACTERS = 2000
# What a client should wait, in seconds, where trying again helps.
RETRY_AFTER_S = 1


class ApiError(Exception):
    """A status, and what is said with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: ErrorCode | None = None,
        error_code: str | None = None,
    ) -> None:
        """`code`: None where the status says all; `error_code`: by which Anthropic's clients know how to go on."""
        self.status = status
        # Names in it may be as long as a request.
        self.message = shortened(message, _MOST_CHARACTERS)
        self.param = None if param is None else shortened(param, _MOST_CHARACTERS)
        super().__init__(self.message)
        self.code = code or CODE_BY_STATUS.get(status, "server_error")
        self.error_code = error_code

    @property
    def type(self) -> ErrorType:
        """The kind of error, in OpenAI's words."""
        return _TYPE_BY_STATUS.get(self.status, "server_error")

    def body(self) -> Error:
        """As OpenAI's API has it."""
        detail = ErrorDetail(message=self.message, type=self.type, param=self.param, code=self.code)
        return Error(error=detail)

    def anthropic_body(self, request_id: str) -> AnthropicError:
        """As Anthropic's API has it."""
        kind = _ANTHROPIC_TYPE_BY_STATUS.get(self.status, "api_error")
        detail = AnthropicErrorDetail(type=kind, message=self.message)
        if self.error_code is not None:
            detail.details = AnthropicErrorCode(error_code=self.error_code)
        return AnthropicError(type="error", error=detail, request_id=request_id)

    def response(self, scope: Mapping[str, Any], *, is_anthropic: bool = False) -> Response:
        """The whole reply, in the words of the API that the request is of."""
        headers = {}
        if self.status in (429, 503):
            headers["Retry-After"] = str(RETRY_AFTER_S)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        is_anthropic = is_anthropic or scope["path"].startswith(ANTHROPIC_PATH)
        body = self.anthropic_body(request_id_of(scope)) if is_anthropic else self.body()
        return sent(body, self.status, headers)


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The name of a request in the log; empty before it has one."""
    found = scope.get("state", {}).get("request_id")
    return found if isinstance(found, str) else ""


def api_error(error: Exception) -> ApiError:
    """Whose fault it is: the request's, or ours."""
    match error:
        case ApiError():
            return error
        case QueueFullError():
            return ApiError(429, str(error))
        case CheckpointError() | EngineError() | ServerError():
            return ApiError(500, str(error))
        case ContinuationError():
            return ApiError(400, str(error), param="continue_final_message")
        case GptossError():
            return ApiError(400, str(error), code=code_of_error(error))
    return ApiError(500, f"the server failed: {type(error).__name__}")


def invalid(errors: Sequence[Mapping[str, Any]], body: object = None) -> ApiError:
    """The first thing that is wrong with a body, by its place; as pydantic tells it.

    body  what was checked, in which the place is looked for
    """
    fault = fault_of(errors, body)
    code = code_of_fault(fault.kind, fault.got)
    told = f"{fault.place or 'the body'}: {fault.told}"
    return ApiError(400, told, param=fault.place or None, code=code)
