"""Replies to what does not come as far as the application."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

# Of other statuses what the request is.
_TYPE_BY_STATUS = {408: "timeout_error", 503: "overloaded_error"}
_CODE_BY_STATUS = {408: "request_timeout", 503: "server_not_ready"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status and a line: never with words of the client, as it goes to the log too."""

    status: int
    message: str

    def reply(self) -> bytes:
        """All of it, after which the connection ends. The error is as OpenAI's API has it."""
        kind = _TYPE_BY_STATUS.get(self.status, "invalid_request_error")
        code = _CODE_BY_STATUS.get(self.status, "invalid_http")
        error = {"message": self.message, "type": kind, "param": None, "code": code}
        body = json.dumps({"error": error}).encode()
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "Content-Type: application/json",
            "X-Content-Type-Options: nosniff",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        if self.status == 503:
            lines.append("Retry-After: 5")
        return "\r\n".join([*lines, "", ""]).encode() + body


NO_PLACE = Refusal(503, "all connections of this server are at work; try again later")
