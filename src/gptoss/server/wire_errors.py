"""Errors as OpenAI's clients expect them."""

from __future__ import annotations

from fastapi.responses import JSONResponse

from gptoss.errors import (
    CheckpointError,
    EngineError,
    GptossError,
    QueueFullError,
    RequestError,
    ServerError,
)

_TYPE_BY_STATUS = {
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
# What a client should wait, in seconds, where trying again helps.
RETRY_AFTER_S = 1


class ApiError(Exception):
    """A status, and what is said with it."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code

    @property
    def type(self) -> str:
        """The kind of error, in OpenAI's words."""
        return _TYPE_BY_STATUS.get(self.status, "server_error")

    def body(self) -> dict[str, object]:
        """As OpenAI's API has it."""
        error = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}

    def response(self) -> JSONResponse:
        """The whole reply."""
        headers = {}
        if self.status in (429, 503):
            headers["Retry-After"] = str(RETRY_AFTER_S)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body(), self.status, headers)


def api_error(error: Exception) -> ApiError:
    """Whose fault it is: the request's, or ours."""
    match error:
        case ApiError():
            return error
        case QueueFullError():
            return ApiError(429, str(error), code="queue_full")
        case CheckpointError() | EngineError() | ServerError():
            return ApiError(500, str(error))
        case RequestError() | GptossError():
            return ApiError(400, str(error))
    return ApiError(500, f"the server failed: {type(error).__name__}")
