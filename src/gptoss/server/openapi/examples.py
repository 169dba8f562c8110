"""Requests that work, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_SUM = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}},
    "required": ["sum"],
    "additionalProperties": False,
}
_ASK = [{"role": "user", "content": "What is 12 + 34?"}]

# By operation, each with what it shows.
EXAMPLES: dict[str, dict[str, Json]] = {
    "POST /v1/chat/completions": {
        "A question": {"messages": _ASK, "reasoning_effort": "low"},
        "A stream": {"messages": _ASK, "stream": True},
        "An answer of a schema": {
            "messages": _ASK,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": _SUM},
            },
        },
        "A tool": {
            "messages": [{"role": "user", "content": "How is the weather in Oslo?"}],
            "tools": [
                {"type": "function", "function": {"name": "weather", "parameters": _WEATHER}}
            ],
            "tool_choice": "required",
        },
    },
    "POST /v1/completions": {"A text": {"prompt": "12 + 34 =", "max_tokens": 8}},
    "POST /v1/responses": {
        "A question": {"input": "What is 12 + 34?", "reasoning": {"effort": "low"}},
        "In the background": {"input": "What is 12 + 34?", "background": True},
        "A tool": {
            "input": "How is the weather in Oslo?",
            "tools": [{"type": "function", "name": "weather", "parameters": _WEATHER}],
            "tool_choice": "required",
        },
    },
    "POST /v1/responses/input_tokens": {"A question": {"input": "What is 12 + 34?"}},
    "POST /v1/responses/render": {"A question": {"input": "What is 12 + 34?"}},
    "POST /v1/containers": {
        "Gone after a minute": {
            "name": "sums",
            "expires_after": {"anchor": "last_active_at", "minutes": 1},
        }
    },
    "POST /v1/messages": {
        "A question": {"max_tokens": 1000, "messages": _ASK},
        "A stream": {"max_tokens": 1000, "messages": _ASK, "stream": True},
        "A tool": {
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": "How is the weather in Oslo?"}],
            "tools": [{"name": "weather", "input_schema": _WEATHER}],
            "tool_choice": {"type": "any"},
        },
    },
    "POST /v1/messages/count_tokens": {"A question": {"messages": _ASK}},
    "POST /tokenize": {"A text": {"content": "12 + 34", "with_pieces": True}},
    "POST /detokenize": {"Three tokens": {"tokens": [16, 17, 18]}},
    "POST /render": {"A question": {"messages": _ASK}},
    "POST /invocations": {"A question": {"messages": _ASK, "reasoning_effort": "low"}},
}
