"""Codes of errors, for programs: OpenAI's own where its API has one for the fault, and one for every error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from gptoss.errors import (
    ContextLengthError,
    GptossError,
    MessageError,
    QueueFullError,
    SchemaError,
)
from gptoss.forms.kinds import UNKNOWN_KIND

ErrorCode = Literal[
    "array_above_max_length",
    "array_below_min_length",
    "container_not_found",
    "context_length_exceeded",
    "decimal_above_max_value",
    "decimal_below_min_value",
    "duplicate_item",
    "file_not_found",
    "host_not_allowed",
    "integer_above_max_value",
    "integer_below_min_value",
    "invalid_api_key",
    "invalid_encrypted_content",
    "invalid_http",
    "invalid_json",
    "invalid_json_schema",
    "invalid_multipart",
    "invalid_prompt",
    "invalid_type",
    "invalid_value",
    "item_not_found",
    "method_not_allowed",
    "missing_required_parameter",
    "model_not_found",
    "origin_not_allowed",
    "previous_response_not_found",
    "queue_full",
    "request_timeout",
    "request_too_large",
    "response_not_found",
    "server_error",
    "server_not_ready",
    "storage_full",
    "string_above_max_length",
    "string_below_min_length",
    "unknown_parameter",
    "unknown_url",
    "unsupported_content_encoding",
    "unsupported_media_type",
    "unsupported_parameter",
]
# What a status says where nothing more is known.
CODE_BY_STATUS: Mapping[int, ErrorCode] = MappingProxyType(
    {
        400: "invalid_value",
        401: "invalid_api_key",
        403: "host_not_allowed",
        404: "unknown_url",
        405: "method_not_allowed",
        408: "request_timeout",
        413: "request_too_large",
        415: "unsupported_media_type",
        429: "queue_full",
        503: "server_not_ready",
    }
)
# Of one kind with another, the first that fits.
_CODE_BY_ERROR: tuple[tuple[type[GptossError], ErrorCode], ...] = (
    (ContextLengthError, "context_length_exceeded"),
    (QueueFullError, "queue_full"),
    (SchemaError, "invalid_json_schema"),
    (MessageError, "invalid_prompt"),
)
# By pydantic's kinds; numbers are told apart by what was got.
_CODE_BY_KIND: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "extra_forbidden": "unknown_parameter",
        "int_from_float": "invalid_type",
        "missing": "missing_required_parameter",
        "string_too_long": "string_above_max_length",
        "string_too_short": "string_below_min_length",
        "too_long": "array_above_max_length",
        "too_short": "array_below_min_length",
    }
)
_BELOW = ("greater_than", "greater_than_equal")
_ABOVE = ("less_than", "less_than_equal")


def code_of_error(error: GptossError) -> ErrorCode | None:
    """The code of an error of this package; None where its status says all."""
    return next((code for kind, code in _CODE_BY_ERROR if isinstance(error, kind)), None)


def code_of_fault(kind: str, got: Any) -> ErrorCode:
    """The code of a field that is wrong: by pydantic's kind of error, and the value."""
    # In a query all are text; numbers of a query are whole.
    is_whole = isinstance(got, int | str)
    if kind in _BELOW:
        return "integer_below_min_value" if is_whole else "decimal_below_min_value"
    if kind in _ABOVE:
        return "integer_above_max_value" if is_whole else "decimal_above_max_value"
    if kind == UNKNOWN_KIND:
        return "invalid_value" if isinstance(got, dict) else "invalid_type"
    if kind.endswith("_type"):
        return "invalid_type"
    return _CODE_BY_KIND.get(kind, "invalid_value")
